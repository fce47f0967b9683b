/** Keys of a server block: `[scheme://]zone[:port]` to zone and port. */

import { parsePort } from "../std/ip_address.ts";
import { reverseZones } from "./reverse_zone.ts";
import { normalizeZone } from "./zone.ts";

export interface ServerKey {
  /** Normalised. A CIDR key has all its reverse zones here. */
  readonly zones: readonly string[];
  /** 0 to 65535; 0 lets the kernel choose. */
  readonly port: number;
}

/** A key, or what is wrong with it as a whole message. */
export type KeyResult =
  | { readonly key: ServerKey; readonly problem: null }
  | { readonly key: null; readonly problem: string };

const SCHEMES = ["dns", "tls", "quic", "grpc", "https", "https3", "unix"];

/** Reads one key. `:53` alone is the root zone; `defaultPort` holds where none is written. */
export function parseServerKey(text: string, defaultPort: number): KeyResult {
  const scheme = /^([^/:]*):\/\//.exec(text);
  if (scheme !== null) {
    const name = scheme[1].toLowerCase();
    if (SCHEMES.includes(name) && name !== "dns") {
      return failed(`Cannot serve "${text}": this version serves plain DNS only, no ${name}://`);
    }
    if (name !== "dns") return failed(`Unknown scheme "${scheme[1]}://": expected "dns://"`);
  }
  const rest = text.slice(scheme?.[0].length ?? 0);
  if (rest.endsWith(":")) return failed(`Cannot read address "${text}": expected a port after ':'`);
  const [zoneText, port] = splitPort(rest, defaultPort);
  if (port === null) {
    return failed(`Cannot read port of "${text}": expected a number from 0 to 65535`);
  }
  const { zones, problem } = parseZones(zoneText === "" ? "." : zoneText);
  if (zones === null) return failed(`Cannot read zone "${zoneText}": ${problem}`);
  return { key: { zones, port }, problem: null };
}

/** A zone or a CIDR prefix, the way keys and plugin arguments write them. */
export function parseZones(
  text: string,
):
  | { readonly zones: readonly string[]; readonly problem: null }
  | { readonly zones: null; readonly problem: string } {
  const reverse = reverseZones(text);
  if (reverse !== null) return reverse;
  const { zone, problem } = normalizeZone(text);
  return zone === null ? { zones: null, problem } : { zones: [zone], problem: null };
}

// A number after the last colon is a port; anything else belongs to the zone, as in IPv6 prefixes.
function splitPort(text: string, defaultPort: number): [string, number | null] {
  const match = /^(.*):([0-9]+)$/s.exec(text);
  if (match === null) return [text, defaultPort];
  return [match[1], parsePort(match[2])];
}

function failed(problem: string): KeyResult {
  return { key: null, problem };
}

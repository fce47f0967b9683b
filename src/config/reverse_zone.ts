/** CIDR notation to reverse zones: `10.0.0.0/24` is `0.0.10.in-addr.arpa.`. */

import { parseIpAddress } from "../std/ip_address.ts";

/** Zones of a prefix; `problem` completes "Cannot read zone ...: ". */
export type ReverseResult =
  | { readonly zones: readonly string[]; readonly problem: null }
  | { readonly zones: null; readonly problem: string };

const BITS_PER_OCTET = 8;
const BITS_PER_NIBBLE = 4;

/**
 * The reverse zones of a CIDR prefix (RFC 1035 §3.5, RFC 3596 §2.5).
 *
 * A mask that is not at a label's border gives all zones of the next border: `/22` gives four.
 * Host bits are ignored. An IPv6 prefix that begins with `:` or `0` is refused, as CoreDNS does:
 * write the `ip6.arpa` zone itself.
 *
 * @returns `null` when `text` is not in CIDR notation at all.
 */
export function reverseZones(text: string): ReverseResult | null {
  const match = /^([0-9a-f.:]+)\/([0-9]{1,3})$/i.exec(text);
  if (match === null) return null;
  const bytes = parseIpAddress(match[1]);
  if (bytes === null) return null;
  const bits = Number(match[2]);
  if (bits > bytes.length * BITS_PER_OCTET) {
    return { zones: null, problem: `expected a mask up to ${bytes.length * BITS_PER_OCTET}` };
  }
  const isIpv6 = bytes.length > 4;
  if (isIpv6 && /^[:0]/.test(text)) {
    return { zones: null, problem: "invalid CIDR: expected its zone below ip6.arpa" };
  }
  return {
    zones: isIpv6 ? zonesOf(toNibbles(bytes), bits, true) : zonesOf([...bytes], bits, false),
    problem: null,
  };
}

function zonesOf(labels: readonly number[], bits: number, isIpv6: boolean): string[] {
  const labelBits = isIpv6 ? BITS_PER_NIBBLE : BITS_PER_OCTET;
  const fixed = Math.floor(bits / labelBits);
  const freeBits = (labelBits - (bits % labelBits)) % labelBits;
  const base = labels.slice(0, fixed);
  const suffix = isIpv6 ? "ip6.arpa." : "in-addr.arpa.";
  const write = (path: readonly number[]) =>
    [...path.toReversed().map((label) => label.toString(isIpv6 ? 16 : 10)), suffix].join(".");
  if (freeBits === 0) return [write(base)];
  const first = labels[fixed] & ~((1 << freeBits) - 1);
  return Array.from({ length: 1 << freeBits }, (_, index) => write([...base, first + index]));
}

function toNibbles(bytes: Uint8Array): number[] {
  return [...bytes].flatMap((byte) => [byte >> BITS_PER_NIBBLE, byte & 0xf]);
}

/** Flags and operands of `nodens query`. */

import { readFileSync } from "node:fs";
import { normalizeZone } from "../config/zone.ts";
import { canonicalIpAddress, parseIpAddress, parsePort } from "../std/ip_address.ts";
import { suggestWord } from "../std/nearest_word.ts";
import { readPort, readTimeoutMs } from "./flag_values.ts";
import { Expected, type Flag } from "./go_flags.ts";
import { UsageError } from "./usage_error.ts";

const GROUP = "Flags";
const DNS_PORT = 53;
const DEFAULT_TIMEOUT_MS = 5_000;

export const QUERY_FLAGS: readonly Flag[] = [
  {
    name: "port",
    aliases: ["p"],
    value: "PORT",
    description: "port of the server",
    shownDefault: "53",
    group: GROUP,
    read: readPort,
  },
  {
    name: "x",
    value: "ADDRESS",
    description: "ask for the name of an address (PTR)",
    group: GROUP,
    read: readReverseName,
  },
  { name: "tcp", value: null, description: "ask by TCP", group: GROUP },
  { name: "dnssec", value: null, description: "ask for signatures too (DO)", group: GROUP },
  {
    name: "timeout",
    value: "TIME",
    description: "give up after this, such as 2 or 500ms",
    shownDefault: "5s",
    group: GROUP,
    read: readTimeoutMs,
  },
  { name: "short", value: null, description: "print the data of the answer only", group: GROUP },
  { name: "json", value: null, description: "print the whole answer as JSON", group: GROUP },
  { name: "help", aliases: ["h"], value: null, description: "print this", group: GROUP },
];

export interface QueryOptions {
  readonly name: string;
  /** As dns-packet names it: `A`, `HTTPS`, `UNKNOWN_1234`. */
  readonly type: string;
  /** An address, or a host name to look up. */
  readonly server: string;
  readonly port: number;
  readonly tcp: boolean;
  readonly dnssec: boolean;
  readonly timeoutMs: number;
  readonly output: "text" | "short" | "json";
}

/** Types by name; others are written `TYPE1234` (RFC 3597 §5). */
const TYPES: readonly string[] = [
  ...["A", "AAAA", "AFSDB", "ANY", "APL", "CAA", "CDNSKEY", "CDS", "CERT", "CNAME", "DHCID"],
  ...["DNAME", "DNSKEY", "DS", "HINFO", "HIP", "HTTPS", "IPSECKEY", "KEY", "KX", "LOC", "MX"],
  ...["NAPTR", "NS", "NSEC", "NSEC3", "NSEC3PARAM", "PTR", "RP", "RRSIG", "SOA", "SPF", "SRV"],
  ...["SSHFP", "SVCB", "TLSA", "TXT", "URI"],
];

/** `+short` and `+tcp`, as dig has them, are `-short` and `-tcp`. */
export function acceptDigFlags(args: readonly string[]): string[] {
  return args.map((arg) => (/^\+[a-z]/.test(arg) ? `-${arg.slice(1)}` : arg));
}

/**
 * Sorts operands `NAME [TYPE] [@SERVER]`, in any order.
 *
 * @param values values of flags by name, as read by `QUERY_FLAGS`.
 * @throws {UsageError} when one is missing or too many.
 */
export function readQueryOptions(
  values: Readonly<Record<string, unknown>>,
  operands: readonly string[],
): QueryOptions {
  const servers = operands.filter((operand) => operand.startsWith("@"));
  const [first, second, extra] = operands.filter((operand) => !operand.startsWith("@"));
  const reverse = values.x as string | undefined;
  const [name, typeText, tooMany] =
    reverse === undefined ? [first, second, extra] : [reverse, first, second];
  if (servers.length > 1 || tooMany !== undefined) {
    const word = tooMany ?? servers[1];
    throw new UsageError(`Unexpected "${word}": expected NAME [TYPE] [@SERVER]`);
  }
  if (name === undefined) {
    throw new UsageError("Missing name to ask for: expected NAME [TYPE] [@SERVER]");
  }
  const { problem } = normalizeZone(name);
  if (problem !== null || name.includes("\\")) {
    const wanted = problem ?? "escapes cannot be asked for";
    throw new UsageError(`Cannot ask for "${name}": ${wanted}`);
  }
  const fallback = values.port as number | undefined;
  return {
    name,
    type: typeText === undefined ? (reverse === undefined ? "A" : "PTR") : readType(typeText),
    ...readServer(servers[0], fallback),
    tcp: values.tcp === true,
    dnssec: values.dnssec === true,
    timeoutMs: (values.timeout as number | undefined) ?? DEFAULT_TIMEOUT_MS,
    output: values.json === true ? "json" : values.short === true ? "short" : "text",
  };
}

function readType(text: string): string {
  const type = text.toUpperCase();
  if (TYPES.includes(type)) return type;
  const number = /^TYPE([0-9]{1,5})$/.exec(type)?.[1];
  if (number !== undefined && Number(number) <= 65_535) return `UNKNOWN_${Number(number)}`;
  const hint = suggestWord(text, TYPES) || ": expected a type such as A, AAAA, SRV or TYPE65";
  throw new UsageError(`Unknown type "${text}"${hint}`);
}

/** `@192.0.2.1`, `@192.0.2.1:5300`, `@[2001:db8::1]:5300`, `@localhost`. */
function readServer(
  operand: string | undefined,
  port: number | undefined,
): { server: string; port: number } {
  if (operand === undefined) return { server: firstNameserver(), port: port ?? DNS_PORT };
  const text = operand.slice(1);
  const match = /^\[([^\]]+)\](?::([0-9]+))?$/.exec(text) ?? /^([^:]+)(?::([0-9]+))?$/.exec(text);
  const server = match === null ? text : match[1];
  const own = match?.[2] === undefined ? undefined : parsePort(match[2]);
  const isHost =
    canonicalIpAddress(server.replace(/%.*$/, "")) !== null || /^[\w.-]+$/.test(server);
  if (!isHost || own === null) {
    throw new UsageError(`Cannot read server "${operand}": expected @ADDRESS or @ADDRESS:PORT`);
  }
  return { server, port: own ?? port ?? DNS_PORT };
}

function firstNameserver(): string {
  try {
    const text = readFileSync("/etc/resolv.conf", "utf8");
    return /^\s*nameserver\s+(\S+)/m.exec(text)?.[1] ?? "127.0.0.1";
  } catch {
    return "127.0.0.1";
  }
}

/** RFC 1035 §3.5, RFC 3596 §2.5. */
function readReverseName(text: string): string {
  const bytes = parseIpAddress(text);
  if (bytes === null) throw new Expected("an IP address");
  if (bytes.length === 4) return `${bytes.toReversed().join(".")}.in-addr.arpa`;
  const nibbles = [...bytes].flatMap((byte) => [byte >> 4, byte & 0xf]);
  const labels = nibbles.toReversed().map((nibble) => nibble.toString(16));
  return `${labels.join(".")}.ip6.arpa`;
}

/** Checks who listens on port 53 already. */

import { formatEndpoint, formatIpAddress } from "../std/ip_address.ts";
import { bad, type Facts, type Finding, good, isRoot, note, type Subject } from "./doctor_facts.ts";

export interface Listener {
  /** Canonical. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

const TABLES = ["udp", "tcp", "udp6", "tcp6"] as const;
/** `TCP_LISTEN`, and what a UDP socket has that is not connected. */
const LISTENING = { udp: "07", tcp: "0A" } as const;
const WILDCARDS = ["0.0.0.0", "::"];

/** What to do about a program that listens everywhere. */
const FIXES: Readonly<Record<string, string>> = {
  dnsmasq: "add bind-dynamic and except-interface=INTERFACE to its configuration",
  named: "name its addresses with listen-on and listen-on-v6 in its configuration",
  unbound: "name its addresses with interface: in its configuration",
  "node-cache": "remove node-cache from this node first: it and nodens would share the queries",
  coredns: "name its addresses with bind in its Corefile, or remove it from this node",
};
const OTHER_FIX = "let it listen on addresses of its own only, or stop it";

export function checkListeners(facts: Facts, subject: Subject): Finding[] {
  const { port = 53 } = subject;
  const what = `port ${port}`;
  const found = new Map<string, { listener: Listener; transports: string[] }>();
  for (const table of TABLES) {
    const text = facts.readFile(`/proc/net/${table}`) ?? "";
    const transport = table.startsWith("udp") ? "udp" : "tcp";
    for (const listener of parseListeners(text, LISTENING[transport])) {
      if (listener.port !== port) continue;
      const name = `${nameOf(facts, listener.inode)} ${listener.address}`;
      const known = found.get(name) ?? { listener, transports: [] };
      if (!known.transports.includes(transport)) known.transports.push(transport);
      found.set(name, known);
    }
  }
  if (found.size === 0) return [good(what, "nobody listens")];
  const findings = [...found].map(([key, { listener, transports }]) => {
    const name = key.slice(0, key.lastIndexOf(" "));
    const place = formatEndpoint(listener.address, listener.port);
    const text = `${name} listens on ${place} (${transports.join(", ")})`;
    return judge({ name, text, what, address: listener.address }, subject);
  });
  const isBlind = [...found.keys()].some((key) => key.startsWith(UNKNOWN));
  if (!isBlind || isRoot(facts)) return findings;
  return [...findings, note(what, "who listens cannot be seen", "run this as root")];
}

/** Sockets in `state` of the text of /proc/net/udp, tcp, udp6 or tcp6. */
export function parseListeners(text: string, state: string): Listener[] {
  const listeners: Listener[] = [];
  for (const line of text.split("\n")) {
    const columns = line.trim().split(/\s+/);
    const match = /^((?:[0-9A-F]{8})|(?:[0-9A-F]{32})):([0-9A-F]{4})$/.exec(columns[1] ?? "");
    if (match === null || columns[3] !== state || columns[9] === undefined) continue;
    const address = formatIpAddress(addressBytes(match[1]));
    listeners.push({ address, port: Number.parseInt(match[2], 16), inode: columns[9] });
  }
  return listeners;
}

const UNKNOWN = "another process";

function judge(
  listener: { name: string; text: string; what: string; address: string },
  { addresses, interfaceName }: Subject,
): Finding {
  const { name, text, what, address } = listener;
  const fix = (FIXES[name] ?? OTHER_FIX).replace("INTERFACE", interfaceName);
  if (name === "nodens") return good(what, text);
  if (WILDCARDS.includes(address)) return bad(what, `${text}, so that nodens cannot`, fix);
  if (addresses.includes(address)) return bad(what, `${text}, an address of -localip`, fix);
  return good(what, `${text}, which is no hindrance`);
}

/** Words of four bytes, each written as a number of this machine. All of ours are little-endian. */
function addressBytes(hex: string): Uint8Array {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  return bytes;
}

/** The process that has a socket. What others run, root alone can see. */
function nameOf(facts: Facts, inode: string): string {
  for (const pid of facts.names("/proc") ?? []) {
    if (!/^[0-9]+$/.test(pid)) continue;
    const descriptors = facts.names(`/proc/${pid}/fd`) ?? [];
    const isHolder = descriptors.some(
      (fd) => facts.linkTarget(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`,
    );
    if (isHolder) return programOf(facts, pid);
  }
  return UNKNOWN;
}

/** The threads of a runtime have names of their own, so ours is known by its file. */
function programOf(facts: Facts, pid: string): string {
  const file = facts.linkTarget(`/proc/${pid}/exe`)?.split("/").at(-1) ?? "";
  if (/^nodens\b/.test(file)) return "nodens";
  return facts.readFile(`/proc/${pid}/comm`)?.trim() || UNKNOWN;
}

/** IP addresses as bytes and as text; cold code. */

import { isIP } from "node:net";

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const GROUPS = 8;

/**
 * Reads a textual IPv4 or IPv6 address without brackets and without scope.
 *
 * @returns 4 or 16 bytes in network order; `null` when it is no address.
 */
export function parseIpAddress(text: string): Uint8Array | null {
  const version = isIP(text);
  if (version === 4) return Uint8Array.from(text.split("."), Number);
  if (version !== 6 || text.includes("%")) return null;
  const bytes = new Uint8Array(IPV6_BYTES);
  const [head, tail] = splitAtDoubleColon(withoutDottedTail(text));
  writeGroups(head, bytes, 0);
  writeGroups(tail, bytes, IPV6_BYTES - 2 * tail.length);
  return bytes;
}

/** The usual text: dotted for 4 bytes, RFC 5952 for 16. */
export function formatIpAddress(bytes: Uint8Array): string {
  if (bytes.length === IPV4_BYTES) return bytes.join(".");
  const groups: string[] = [];
  for (let at = 0; at < IPV6_BYTES; at += 2) {
    groups.push(((bytes[at] << 8) | bytes[at + 1]).toString(16));
  }
  const [start, count] = longestZeroRun(groups);
  // RFC 5952 §4.2.2: one zero group alone is not shortened.
  if (count < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + count).join(":")}`;
}

/** The one text that equal addresses share, or `null` when `text` is no address. */
export function canonicalIpAddress(text: string): string | null {
  const bytes = parseIpAddress(text);
  return bytes === null ? null : formatIpAddress(bytes);
}

/** `address:port`, with brackets round IPv6. */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Reads a decimal port, 0 to 65535; `null` for all else. */
export function parsePort(text: string): number | null {
  if (!/^[0-9]{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65535 ? port : null;
}

function withoutDottedTail(text: string): string {
  const at = text.lastIndexOf(":") + 1;
  if (!text.includes(".")) return text;
  const [a, b, c, d] = text.slice(at).split(".").map(Number);
  return `${text.slice(0, at)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

function splitAtDoubleColon(text: string): [string[], string[]] {
  const [head, tail = ""] = text.split("::");
  const split = (part: string) => (part === "" ? [] : part.split(":"));
  return [split(head), split(tail)];
}

function writeGroups(groups: readonly string[], bytes: Uint8Array, at: number): void {
  groups.forEach((group, index) => {
    const value = Number.parseInt(group, 16);
    bytes[at + 2 * index] = value >> 8;
    bytes[at + 2 * index + 1] = value & 0xff;
  });
}

function longestZeroRun(groups: readonly string[]): [number, number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < GROUPS; start += 1) {
    let end = start;
    while (end < GROUPS && groups[end] === "0") end += 1;
    if (end - start > best[1]) best = [start, end - start];
  }
  return best;
}

/** Socket addresses between text and the bytes of `struct sockaddr_in` and `sockaddr_in6`. */

import { isIPv4, isIPv6 } from "node:net";
import {
  AF_INET,
  AF_INET6,
  SOCKADDR_IN_ADDR,
  SOCKADDR_IN_BYTES,
  SOCKADDR_IN6_ADDR,
  SOCKADDR_IN6_BYTES,
  SOCKADDR_IN6_SCOPE,
  SOCKADDR_PORT,
} from "./layout.ts";
import type { Slab } from "./slab.ts";

/** Room for either kind. */
export const SOCKADDR_BYTES_MAX = 32;

/** AF_INET or AF_INET6 for a textual address. */
export function familyOf(address: string): number {
  return isIPv4(address) ? AF_INET : AF_INET6;
}

/**
 * Writes `address` and `port` at `offset` and answers the length of the structure, 16 or 28.
 *
 * @throws {TypeError} when `address` is neither an IPv4 nor an IPv6 address.
 */
export function writeSockaddr(slab: Slab, offset: number, address: string, port: number): number {
  const { bytes, view } = slab;
  if (isIPv4(address)) {
    bytes.fill(0, offset, offset + SOCKADDR_IN_BYTES);
    view.setUint16(offset, AF_INET, true);
    view.setUint16(offset + SOCKADDR_PORT, port);
    bytes.set(address.split(".").map(Number), offset + SOCKADDR_IN_ADDR);
    return SOCKADDR_IN_BYTES;
  }
  const [plain, scope] = address.split("%", 2) as [string, string | undefined];
  if (!isIPv6(plain)) {
    throw new TypeError(`Cannot use "${address}" as an address: it is neither IPv4 nor IPv6`);
  }
  bytes.fill(0, offset, offset + SOCKADDR_IN6_BYTES);
  view.setUint16(offset, AF_INET6, true);
  view.setUint16(offset + SOCKADDR_PORT, port);
  bytes.set(ipv6Bytes(plain), offset + SOCKADDR_IN6_ADDR);
  view.setUint32(offset + SOCKADDR_IN6_SCOPE, Number(scope ?? 0) || 0, true);
  return SOCKADDR_IN6_BYTES;
}

/** `192.0.2.1` or `2001:db8::1`; an IPv4 address mapped into IPv6 is shown as IPv4. */
export function readAddress(slab: Slab, offset: number): string {
  const { bytes, view } = slab;
  if (view.getUint16(offset, true) === AF_INET) {
    return bytes.slice(offset + SOCKADDR_IN_ADDR, offset + SOCKADDR_IN_ADDR + 4).join(".");
  }
  const at = offset + SOCKADDR_IN6_ADDR;
  return ipv6Text(bytes.slice(at, at + 16));
}

export function readPort(slab: Slab, offset: number): number {
  return slab.view.getUint16(offset + SOCKADDR_PORT);
}

/** The 16 bytes of a valid IPv6 address without scope. */
export function ipv6Bytes(address: string): Uint8Array {
  const tail = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const hex = (high: string, low: string) => ((Number(high) << 8) | Number(low)).toString(16);
  const text = tail ? `${tail[1]}${hex(tail[2]!, tail[3]!)}:${hex(tail[4]!, tail[5]!)}` : address;
  const [left, right] = text.split("::", 2) as [string, string | undefined];
  const head = left === "" ? [] : left.split(":");
  const rest = right === undefined || right === "" ? [] : right.split(":");
  const groups = [...head, ...Array(8 - head.length - rest.length).fill("0"), ...rest];
  const bytes = new Uint8Array(16);
  groups.forEach((group, index) => {
    const value = Number.parseInt(group, 16);
    bytes[index * 2] = value >> 8;
    bytes[index * 2 + 1] = value & 0xff;
  });
  return bytes;
}

/** Text of 16 bytes, the longest run of zero groups shortened (RFC 5952 §4). */
export function ipv6Text(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let index = 0; index < 16; index += 2) groups.push((bytes[index]! << 8) | bytes[index + 1]!);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return bytes.slice(12).join(".");
  }
  let [start, length] = [-1, 1];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (start < 0) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

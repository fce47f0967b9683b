/** Who listens where, by the kernel's list of UDP sockets. Pure. */

import { formatIpAddress } from "../std/ip_address.ts";

const WORD_BYTES = 4;

/** A UDP socket that is bound to one address. */
export interface UdpListener {
  /** Canonical. */
  readonly address: string;
  /** By which /proc/PID/fd names it. */
  readonly inode: string;
}

/**
 * Those at `port`; a socket that takes any address is no sign of one that is meant for ours, and
 * not among them.
 *
 * @param texts of /proc/net/udp and /proc/net/udp6.
 */
export function udpListeners(texts: readonly string[], port: number): UdpListener[] {
  const found: UdpListener[] = [];
  for (const [, address, socketPort, inode] of texts.join("\n").matchAll(SOCKET)) {
    if (Number.parseInt(socketPort, 16) !== port || /^0+$/.test(address)) continue;
    found.push({ address: formatIpAddress(addressBytes(address)), inode });
  }
  return found;
}

/** Addresses with such a socket. */
export function addressesWithListener(texts: readonly string[], port: number): Set<string> {
  return new Set(udpListeners(texts, port).map(({ address }) => address));
}

/** Local address, then remote one, state, queues, timer, retransmits, user, time-out, inode. */
const SOCKET =
  /^\s*[0-9]+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ \S+ \S+ \S+ \S+ +\d+ +\d+ (\d+) /gm;

/** The kernel prints words of 32 bits as numbers, and all machines of ours are little-endian. */
function addressBytes(digits: string): Uint8Array {
  const bytes = Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  for (let at = 0; at < bytes.length; at += WORD_BYTES)
    bytes.subarray(at, at + WORD_BYTES).reverse();
  return bytes;
}

/** Who listens where, by the kernel's list of UDP sockets. Pure. */

import { formatIpAddress } from "../std/ip_address.ts";

const WORD_BYTES = 4;

/**
 * Addresses with a UDP socket bound to them at `port`, canonical; a socket that takes any address
 * is no sign of one that is meant for ours, and not among them.
 *
 * @param texts of /proc/net/udp and /proc/net/udp6.
 */
export function addressesWithListener(texts: readonly string[], port: number): Set<string> {
  const found = new Set<string>();
  for (const [, address, socketPort] of texts.join("\n").matchAll(SOCKET)) {
    if (Number.parseInt(socketPort, 16) !== port || /^0+$/.test(address)) continue;
    found.add(formatIpAddress(addressBytes(address)));
  }
  return found;
}

const SOCKET = /^\s*[0-9]+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) /gm;

/** The kernel prints words of 32 bits as numbers, and all machines of ours are little-endian. */
function addressBytes(digits: string): Uint8Array {
  const bytes = Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  for (let at = 0; at < bytes.length; at += WORD_BYTES)
    bytes.subarray(at, at + WORD_BYTES).reverse();
  return bytes;
}

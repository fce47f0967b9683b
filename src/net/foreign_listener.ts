/** Whether another process of this machine answers at an address as well (SO_REUSEPORT). */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { udpListeners } from "./dns_listeners.ts";

const OWN_DESCRIPTORS = "/proc/self/fd";

/**
 * Looks for a UDP socket bound to `address` and `port` that is not this process's. False where that
 * cannot be seen.
 */
export function hasForeignListener(address: string, port: number): boolean {
  const texts = ["/proc/net/udp", "/proc/net/udp6"].map(readOrNothing);
  const there = udpListeners(texts, port).filter((socket) => socket.address === address);
  if (there.length === 0) return false;
  const own = new Set(readdirSync(OWN_DESCRIPTORS).map(linkOrNothing));
  return there.some(({ inode }) => !own.has(`socket:[${inode}]`));
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** A descriptor may be closed by another thread meanwhile. */
function linkOrNothing(descriptor: string): string {
  try {
    return readlinkSync(`${OWN_DESCRIPTORS}/${descriptor}`);
  } catch {
    return "";
  }
}

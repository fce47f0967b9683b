// Hot path.
/** The control message that says which of our addresses a datagram was sent to (ip(7), ipv6(7)). */

import { CMSG_DATA, CMSG_LEVEL, IPPROTO_IPV6 } from "../sys/layout.ts";
import type { Plane } from "./plane.ts";

const IN6_ADDRESS_BYTES = 16;
const LINK_LOCAL_PREFIX = 0xfe80;
const LINK_LOCAL_MASK = 0xffc0;

/**
 * Makes the message at `offset`, as it was received, one that an answer can be sent with: from that
 * address, but by whatever interface the routes say. Only a link-local address needs its interface.
 */
export function clearInterface(plane: Plane, offset: number): void {
  const data = offset + CMSG_DATA;
  const isIpv6 = plane.words[(offset + CMSG_LEVEL) >> 2] === IPPROTO_IPV6;
  if (isIpv6 && (plane.view.getUint16(data) & LINK_LOCAL_MASK) === LINK_LOCAL_PREFIX) return;
  plane.words[(isIpv6 ? data + IN6_ADDRESS_BYTES : data) >> 2] = 0;
}

/** The socket options that the simulated kernel knows; any other is ENOPROTOOPT. */

import {
  IP_MTU_DISCOVER,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_MTU_DISCOVER,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  SO_ERROR,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_RXQ_OVFL,
  SO_SNDBUF,
  SOL_SOCKET,
  TCP_NODELAY,
} from "../../src/sys/layout.ts";

const KNOWN = new Map<number, ReadonlySet<number>>([
  [
    SOL_SOCKET,
    new Set([
      SO_ERROR,
      SO_RCVBUF,
      SO_RCVBUFFORCE,
      SO_REUSEADDR,
      SO_REUSEPORT,
      SO_RXQ_OVFL,
      SO_SNDBUF,
    ]),
  ],
  [IPPROTO_IP, new Set([IP_MTU_DISCOVER, IP_PKTINFO])],
  [IPPROTO_IPV6, new Set([IPV6_MTU_DISCOVER, IPV6_RECVPKTINFO, IPV6_V6ONLY])],
  [IPPROTO_TCP, new Set([TCP_NODELAY])],
]);

export function isKnownOption(level: number, name: number): boolean {
  return KNOWN.get(level)?.has(name) ?? false;
}

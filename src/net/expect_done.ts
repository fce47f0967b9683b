/** What the kernel refuses, as an error for people. */

import { EACCES, EOPNOTSUPP, EPERM, errnoText } from "../sys/errno.ts";
import type { NetlinkReply } from "../sys/netlink_socket.ts";
import { NetError, type SetupErrorType } from "./lease.ts";

/**
 * @param action what was tried, as in `add the address 192.0.2.1`.
 * @throws {NetError} when it did not work.
 */
export function expectDone(reply: NetlinkReply, type: SetupErrorType, action: string): void {
  if (reply.code >= 0) return;
  const why = reply.detail === "" ? "" : `, "${reply.detail}"`;
  throw new NetError(type, `Cannot ${action}: ${errnoText(reply.code)}${why}${advice(reply.code)}`);
}

function advice(code: number): string {
  switch (-code) {
    case EPERM:
      return ": give the process CAP_NET_ADMIN";
    case EACCES:
      return ": IPv6 may be switched off (sysctl net.ipv6.conf.all.disable_ipv6)";
    case EOPNOTSUPP:
      return ": the kernel lacks a module";
    default:
      return "";
  }
}

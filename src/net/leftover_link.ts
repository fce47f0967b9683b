/** Which links of our name may be deleted. */

import type { Link, Rtnetlink } from "./rtnetlink.ts";

/** What node-cache and the other leases make. A bridge stands in where there is no dummy. */
export const PLAIN_KINDS: readonly string[] = ["dummy", "bridge"];

/** A link as node-cache leaves it: it holds addresses, and nothing is attached to it. */
export function isDisposable(link: Link, rtnetlink: Rtnetlink): boolean {
  if (!PLAIN_KINDS.includes(link.kind)) return false;
  return link.kind !== "bridge" || rtnetlink.links().every(({ master }) => master !== link.index);
}

/** Which address the node itself sends from: the source that clients on the node keep. */

import { RT_SCOPE_UNIVERSE } from "../sys/netlink_layout.ts";
import type { Rtnetlink } from "./rtnetlink.ts";
import { type Family, familyOfAddress } from "./settings.ts";

/** Global addresses far away, looked up and never sent to: the default route leads there. */
const OUTSIDE: Readonly<Record<Family, string>> = { 4: "1.1.1.1", 6: "2000::1" };

/** null where the node has no address of that family. Our own do not count. */
export type NodeAddress = (family: Family) => string | null;

/** @param ours canonical. */
export function findNodeAddress(
  rtnetlink: Rtnetlink,
  family: Family,
  ours: ReadonlySet<string>,
): string | null {
  const source = rtnetlink.sourceTowards(OUTSIDE[family]);
  if (source !== null && !ours.has(source)) return source;
  // A node without default route (an isolated lab, kube-proxy behind a VIP) has a network for all.
  const up = new Set(rtnetlink.links().flatMap(({ isUp, index }) => (isUp ? [index] : [])));
  const global = rtnetlink
    .addresses(0)
    .find(
      ({ address, scope, linkIndex }) =>
        scope === RT_SCOPE_UNIVERSE &&
        familyOfAddress(address) === family &&
        up.has(linkIndex) &&
        !ours.has(address),
    );
  return global?.address ?? null;
}

/**
 * A service on SERVICE_V4 and SERVICE_V6, UDP port 5300, with two who answer: `us` on the node, for
 * as long as the addresses are local, and `cluster` behind NAT, as kube-proxy does it.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
  CLUSTER_V4,
  CLUSTER_V6,
  type LeaseNamespace,
  SERVICE_V4,
  SERVICE_V6,
} from "./lease_namespace.ts";
import { LineProcess } from "./line_process.ts";

const PORT = "5300";
const FAMILIES = [
  ["iptables", SERVICE_V4, CLUSTER_V4],
  ["ip6tables", SERVICE_V6, `[${CLUSTER_V6}]`],
] as const;

/** What is sent to the service goes to the cluster; what comes from it is not tracked. */
export function divertToCluster(node: LeaseNamespace): void {
  for (const [iptables, service, cluster] of FAMILIES) {
    const match = ["-d", service, "-p", "udp", "--dport", PORT];
    const divert = ["-j", "DNAT", "--to-destination", `${cluster}:${PORT}`];
    node.inNode(iptables, "-t", "nat", "-A", "OUTPUT", ...match, ...divert);
    const replies = ["-s", service, "-p", "udp", "--sport", PORT, "-j", "NOTRACK"];
    node.inNode(iptables, "-t", "raw", "-A", "OUTPUT", ...replies);
  }
}

/** What is sent to the service stays on the node while the address is local. */
export function stealOnNode(node: LeaseNamespace): void {
  for (const [iptables, service] of FAMILIES) {
    const match = ["-d", service, "-p", "udp", "--dport", PORT];
    const local = ["-m", "addrtype", "--dst-type", "LOCAL"];
    node.inNode(iptables, "-t", "raw", "-A", "OUTPUT", ...match, ...local, "-j", "NOTRACK");
  }
}

/**
 * Starts both who answer, and a client on the node whose sockets are connected once: whatever it is
 * asked, it says who answered by IPv4 and by IPv6. The addresses must be local by now.
 */
export async function startServices(
  context: TestContext,
  node: LeaseNamespace,
): Promise<LineProcess> {
  for (const [namespace, name, ...addresses] of [
    [node.node, "us", SERVICE_V4, SERVICE_V6],
    [node.cluster, "cluster", CLUSTER_V4, CLUSTER_V6],
  ] as const) {
    for (const address of addresses) {
      const script = ["udp_peer.ts", "serve", name, address, PORT];
      assert.equal(await new LineProcess(context, { namespace, script }).read(), "ready");
    }
  }
  const script = ["udp_peer.ts", "ask", SERVICE_V4, SERVICE_V6, PORT];
  const client = new LineProcess(context, { namespace: node.node, script });
  assert.equal(await client.read(), "ready");
  return client;
}

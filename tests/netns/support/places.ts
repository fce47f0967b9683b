/** The laboratory's network: who has which address, and the commands that make it so. */

import { attempt, enter, type Place, type PlaceNames, run } from "./namespaces.ts";

/** Addresses of both families, each by itself as a string of the family's key. */
export interface Dual {
  readonly 4: string;
  readonly 6: string;
}

export const POD_ADDRESS: Dual = { 4: "10.244.0.2", 6: "fd00:10:244::2" };
export const NODE_ADDRESS: Dual = { 4: "10.3.0.1", 6: "2001:db8:3::1" };
/** ClusterIP of Service `kube-dns`, which clients ask. */
export const CLUSTER_IP: Dual = { 4: "10.96.0.10", 6: "fd96::a" };
/** ClusterIP of Service `kube-dns-upstream`, which nodens asks. */
export const UPSTREAM_IP: Dual = { 4: "10.96.0.11", 6: "fd96::b" };
/** Addresses that no Service backs. */
export const NODE_LOCAL: Dual = { 4: "169.254.20.10", 6: "fd00:169:254:20::10" };
export const POD_CIDR: Dual = { 4: "10.244.0.0/16", 6: "fd00:10:244::/48" };

/** Endpoints of `kube-dns`: an answer from there has not passed through nodens. */
export const KUBE_DNS_ENDPOINTS: readonly Dual[] = [
  { 4: "10.244.9.53", 6: "fd00:10:244:9::53" },
  { 4: "10.244.9.63", 6: "fd00:10:244:9::63" },
];
/** Endpoints of `kube-dns-upstream`: only nodens asks them. */
export const UPSTREAM_ENDPOINTS: readonly Dual[] = [
  { 4: "10.244.9.54", 6: "fd00:10:244:9::54" },
  { 4: "10.244.9.64", 6: "fd00:10:244:9::64" },
];

const CLUSTER_ADDRESS: Dual = { 4: "10.3.0.254", 6: "2001:db8:3::254" };
/** The pod's gateway, as Calico has it: the node's end of the link has no address of its own. */
const POD_GATEWAY: Dual = { 4: "169.254.1.1", 6: "fe80::ecee:eeff:feee:eeee" };
const POD_GATEWAY_MAC = "ee:ee:ee:ee:ee:ee";

/** Settings of a usual node; `accept_dad` only saves the second that IPv6 would wait. */
const SYSCTLS: readonly (readonly [places: readonly Place[], path: string, value: string])[] = [
  [["pod", "node", "cluster"], "ipv6/conf/all/accept_dad", "0"],
  [["pod", "node", "cluster"], "ipv6/conf/default/accept_dad", "0"],
  [["pod", "node", "cluster"], "ipv4/conf/all/rp_filter", "1"],
  [["pod", "node", "cluster"], "ipv4/conf/default/rp_filter", "1"],
  [["node", "cluster"], "ipv4/ip_forward", "1"],
  [["node", "cluster"], "ipv6/conf/all/forwarding", "1"],
];

/** Makes the three namespaces and the two links between them. */
export async function makeNetwork(names: PlaceNames): Promise<void> {
  const { pod, node, cluster } = names;
  await run(["ip", "-batch", "-"], { input: lines([pod, node, cluster].map(addNamespace)) });
  for (const place of ["pod", "node", "cluster"] as const) await setSysctls(names, place);
  await run(["ip", "-n", node, "-batch", "-"], {
    input: lines([
      `link add veth-pod address ${POD_GATEWAY_MAC} type veth peer name eth0 netns ${pod}`,
      `link add eth0 type veth peer name eth0 netns ${cluster}`,
    ]),
  });
  await run(shell(node, "echo 1 >/proc/sys/net/ipv4/conf/veth-pod/proxy_arp"));
  // Links first, all of them: a route needs the other end of its link up.
  for (const name of [pod, node, cluster]) {
    const ups = ["lo", "eth0", ...(name === node ? ["veth-pod"] : [])];
    const input = lines(ups.map((link) => `link set ${link} up`));
    await run(["ip", "-n", name, "-batch", "-"], { input });
  }
  for (const [name, commands] of [
    [pod, podCommands()],
    [node, nodeCommands()],
    [cluster, clusterCommands()],
  ] as const) {
    await run(["ip", "-n", name, "-batch", "-"], { input: lines(commands) });
  }
}

/** The route that a packet to `address` takes from there, with the source it is given. */
export async function routeTo(name: string, address: string): Promise<string> {
  const { stdout, stderr } = await attempt(["ip", "-n", name, "route", "get", address]);
  return (stdout || stderr).trim();
}

function podCommands(): string[] {
  return [
    `addr add ${POD_ADDRESS[4]}/32 dev eth0`,
    `route add ${POD_GATEWAY[4]} dev eth0 scope link`,
    `route add default via ${POD_GATEWAY[4]} dev eth0`,
    `addr add ${POD_ADDRESS[6]}/128 dev eth0 nodad`,
    `route add default via ${POD_GATEWAY[6]} dev eth0`,
  ];
}

function nodeCommands(): string[] {
  return [
    `addr add ${NODE_ADDRESS[4]}/24 dev eth0`,
    `addr add ${NODE_ADDRESS[6]}/64 dev eth0 nodad`,
    `route add default via ${CLUSTER_ADDRESS[4]}`,
    `route add default via ${CLUSTER_ADDRESS[6]}`,
    `route add ${POD_ADDRESS[4]} dev veth-pod scope link`,
    `route add ${POD_ADDRESS[6]} dev veth-pod`,
  ];
}

function clusterCommands(): string[] {
  return [
    `addr add ${CLUSTER_ADDRESS[4]}/24 dev eth0`,
    `addr add ${CLUSTER_ADDRESS[6]}/64 dev eth0 nodad`,
    ...[...KUBE_DNS_ENDPOINTS, ...UPSTREAM_ENDPOINTS].flatMap((endpoint) => [
      `addr add ${endpoint[4]}/32 dev lo`,
      `addr add ${endpoint[6]}/128 dev lo nodad`,
    ]),
    `route add ${POD_ADDRESS[4]} via ${NODE_ADDRESS[4]}`,
    `route add ${POD_ADDRESS[6]} via ${NODE_ADDRESS[6]}`,
    // What nobody has vanishes, as in most clouds: a refusal would be noticed faster than it is
    // there.
    "route add blackhole default",
    "route add blackhole ::/0",
  ];
}

async function setSysctls(names: PlaceNames, place: Place): Promise<void> {
  const writes = SYSCTLS.filter(([places]) => places.includes(place)).map(
    ([, path, value]) => `echo ${value} >/proc/sys/net/${path}`,
  );
  await run(shell(names[place], writes.join(" && ")));
}

function shell(name: string, script: string): [string, ...string[]] {
  const [program = "", ...words] = enter(name);
  return [program, ...words, "sh", "-c", script];
}

function addNamespace(name: string): string {
  return `netns add ${name}`;
}

function lines(commands: readonly string[]): string {
  return `${commands.join("\n")}\n`;
}

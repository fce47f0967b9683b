/**
 * A namespace that looks like a node, for leases: a link to a neighbour that plays the cluster.
 *
 *     node 192.0.2.1, 2001:db8:3::1  ── n0 ═ c0 ──  cluster 192.0.2.2, 2001:db8:3::2
 */

import { execFileSync, spawnSync } from "node:child_process";
import process from "node:process";
import type { TestContext } from "node:test";
import { cleanUp } from "../../support/clean_up.ts";

export const NODE_V4 = "192.0.2.1";
export const NODE_V6 = "2001:db8:3::1";
export const CLUSTER_V4 = "192.0.2.2";
export const CLUSTER_V6 = "2001:db8:3::2";
export const SERVICE_V4 = "198.51.100.10";
export const SERVICE_V6 = "2001:db8:96::a";

let count = 0;

export class LeaseNamespace {
  readonly node: string;
  readonly cluster: string;

  /** Made for one test, and removed when it ends. */
  constructor(context: TestContext) {
    count += 1;
    this.node = `nodens-l${process.pid}-${count}`;
    this.cluster = `${this.node}c`;
    cleanUp(context, () => this.#remove());
    for (const name of [this.node, this.cluster]) run("ip", "netns", "add", name);
    run("ip", "-n", this.node, "-batch", NODE_SETUP(this.cluster));
    run("ip", "-n", this.cluster, "-batch", CLUSTER_SETUP);
  }

  /** Output of a program inside the node. @throws when it fails. */
  inNode(...command: readonly string[]): string {
    return run("ip", "netns", "exec", this.node, ...command);
  }

  /** Output of `ip` inside the node. */
  ip(...words: readonly string[]): string {
    return run("ip", "-n", this.node, ...words);
  }

  hasLink(name: string): boolean {
    return spawnSync("ip", ["-n", this.node, "link", "show", name]).status === 0;
  }

  /** As `ip route get` says it: by which source the node reaches `destination`. */
  sourceTowards(destination: string): string {
    return /\bsrc (\S+)/.exec(this.ip("route", "get", destination))?.[1] ?? "";
  }

  /** Whether what is sent to `address` is delivered on this machine. */
  isLocal(address: string): boolean {
    const result = spawnSync("ip", ["-n", this.node, "route", "get", address]);
    return result.stdout.toString().startsWith("local");
  }

  #remove(): void {
    for (const name of [this.node, this.cluster]) spawnSync("ip", ["netns", "del", name]);
  }
}

const NODE_SETUP = (cluster: string) => `link set lo up
link add n0 type veth peer name c0 netns ${cluster}
link set n0 up
addr add ${NODE_V4}/24 dev n0
addr add ${NODE_V6}/64 dev n0 nodad
route add default via ${CLUSTER_V4}
route add default via ${CLUSTER_V6}
`;

const CLUSTER_SETUP = `link set lo up
link set c0 up
addr add ${CLUSTER_V4}/24 dev c0
addr add ${CLUSTER_V6}/64 dev c0 nodad
`;

/** `-batch TEXT` becomes standard input. */
function run(program: string, ...args: readonly string[]): string {
  const batch = args.indexOf("-batch");
  const words = batch < 0 ? args : [...args.slice(0, batch), "-batch", "-"];
  const input = batch < 0 ? "" : args[batch + 1]!;
  return execFileSync(program, words, { input, encoding: "utf8", stdio: "pipe" });
}

/** Why these tests cannot run here, or false. */
export function lacksNamespaces(): string | false {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  return spawnSync("ip", ["netns", "list"]).status === 0 ? false : "iproute2 is not installed";
}

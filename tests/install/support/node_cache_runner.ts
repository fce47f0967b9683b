/** Pods of node-cache: its stand-in of tests/netns, on the laboratory's node. */

import { join } from "node:path";
import process from "node:process";
import type { Lab } from "../../netns/support/lab.ts";
import type { Finished, PodRunner, RunningPod } from "./pod_runner.ts";
import type { KubeObject } from "./resources.ts";

const STAND_IN = join(import.meta.dirname, "..", "..", "netns", "support", "node_cache.ts");

export class NodeCacheRunner implements PodRunner {
  readonly #labs: ReadonlyMap<string, Lab>;

  /** @param labs by the name of the node. */
  constructor(labs: ReadonlyMap<string, Lab>) {
    this.#labs = labs;
  }

  start(pod: KubeObject, node: KubeObject): RunningPod {
    const lab = this.#labs.get(node.metadata.name);
    if (lab === undefined) throw new Error(`There is no laboratory for ${node.metadata.name}`);
    const { containers } = pod.spec as { containers: { args: string[] }[] };
    const args = containers[0]?.args ?? [];
    const addresses = args[args.indexOf("-localip") + 1] ?? "";
    const running = lab.spawn("node", process.execPath, [STAND_IN, addresses]);
    return {
      isReady: async () => running.stdout().includes("ready") && running.child.exitCode === null,
      stop: async () => void (await running.stop("SIGTERM")),
      logs: async () => running.stdout() + running.stderr(),
      exec: async (): Promise<Finished> => ({ code: 126, stdout: "", stderr: "no shell" }),
    };
  }
}

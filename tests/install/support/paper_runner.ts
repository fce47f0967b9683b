/** Pods that run on paper: ready at once, or as a test says. */

import type { Finished, PodProblem, PodRunner, RunningPod } from "./pod_runner.ts";
import type { KubeObject } from "./resources.ts";

/** What a pod of this node and image does; all else is as a good one does it. */
export interface Behaviour {
  readonly isReady?: boolean;
  readonly problem?: PodProblem;
  /** It ends when it is asked to; false for one that hangs. */
  readonly ends?: boolean;
  readonly exec?: (words: readonly string[]) => Finished;
  readonly log?: string;
}

export interface PodFacts {
  readonly node: string;
  readonly name: string;
  readonly image: string;
}

const GOOD: Finished = { code: 0, stdout: "10.96.0.1\n", stderr: "" };

export class PaperRunner implements PodRunner {
  /** In their order: `start nodens-xxxx1 on node-a`, `end …`, `exec … WORDS`. */
  readonly events: string[] = [];
  readonly #behaviour: (facts: PodFacts) => Behaviour;

  constructor(behaviour: (facts: PodFacts) => Behaviour = () => ({})) {
    this.#behaviour = behaviour;
  }

  start(pod: KubeObject, node: KubeObject): RunningPod {
    const { containers } = pod.spec as { containers: { image: string }[] };
    const facts = {
      node: node.metadata.name,
      name: pod.metadata.name.replace(/-x*\w+$/, ""),
      image: containers[0]?.image ?? "",
    };
    const note = (what: string) => this.events.push(`${what} ${facts.name} on ${facts.node}`);
    const behaviour = this.#behaviour(facts);
    note("start");
    return {
      isReady: async () => behaviour.isReady ?? true,
      stop: async () => {
        if (behaviour.ends === false) await new Promise(() => {});
        note("end");
      },
      logs: async () => behaviour.log ?? "",
      exec: async (words) => behaviour.exec?.(words) ?? GOOD,
      problem: () => behaviour.problem ?? null,
    };
  }
}

/**
 * The kubelets of all nodes, on paper: start the pods that were given to a node by a `PodRunner`,
 * ask whether they are ready, write their status, and stop them when they are to go. A node that is
 * not ready does none of it. Owns the running pods.
 */

import type { ObjectStore } from "./object_store.ts";
import type { Finished, PodProblem, PodRunner, RunningPod } from "./pod_runner.ts";
import type { KubeObject } from "./resources.ts";

const GRACE_SEC = 30;

export class Kubelet {
  readonly #store: ObjectStore;
  readonly #runner: PodRunner;
  /** By uid. */
  readonly #running = new Map<string, RunningPod>();
  readonly #stopping = new Map<string, Promise<void>>();

  constructor(store: ObjectStore, runner: PodRunner) {
    this.#store = store;
    this.#runner = runner;
  }

  async step(): Promise<void> {
    const nodes = new Map(this.#store.list("Node").map((node) => [node.metadata.name, node]));
    const pods = this.#store.list("Pod");
    this.#stopRemoved(pods);
    for (const pod of pods) {
      const node = nodes.get(String(pod.spec?.["nodeName"]));
      if (node === undefined || !isNodeReady(node)) continue;
      if (pod.metadata.deletionTimestamp !== undefined) this.#stop(pod);
      else await this.#run(pod, node);
    }
  }

  /** Ends everything, also what is stuck. */
  async stop(): Promise<void> {
    const running = [...this.#running.values()];
    this.#running.clear();
    await Promise.race([
      Promise.all(running.map((pod) => pod.stop(0))),
      new Promise((resolve) => setTimeout(resolve, 1000).unref()),
    ]);
  }

  async logs(pod: KubeObject, container: string | null): Promise<string> {
    return (await this.#running.get(pod.metadata.uid ?? "")?.logs(container)) ?? "";
  }

  async exec(pod: KubeObject, words: readonly string[]): Promise<Finished> {
    const running = this.#running.get(pod.metadata.uid ?? "");
    if (running !== undefined) return await running.exec(words);
    return { code: 1, stdout: "", stderr: `error: ${pod.metadata.name} has no container` };
  }

  async #run(pod: KubeObject, node: KubeObject): Promise<void> {
    const uid = pod.metadata.uid as string;
    let running = this.#running.get(uid);
    if (running === undefined) {
      running = this.#runner.start(pod, node);
      this.#running.set(uid, running);
    }
    const isReady = await running.isReady();
    const now = this.#store.get("Pod", pod.metadata.name, pod.metadata.namespace);
    if (now !== null)
      this.#store.setStatus(now, statusOf(now, isReady, running.problem?.() ?? null));
  }

  /** The object goes when the process has gone; a process whose end hangs keeps it. */
  #stop(pod: KubeObject): void {
    const uid = pod.metadata.uid as string;
    if (this.#stopping.has(uid)) return;
    const running = this.#running.get(uid);
    const graceSec = Number(pod.spec?.["terminationGracePeriodSeconds"] ?? GRACE_SEC);
    const stopped = (running?.stop(graceSec * 1000) ?? Promise.resolve()).then(() => {
      this.#running.delete(uid);
      this.#store.remove(pod);
    });
    this.#stopping.set(uid, stopped);
  }

  /** Pods that were removed by force: their processes are ended as soon as it is noticed. */
  #stopRemoved(pods: readonly KubeObject[]): void {
    const known = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const [uid, running] of this.#running) {
      if (known.has(uid) || this.#stopping.has(uid)) continue;
      this.#stopping.set(
        uid,
        running.stop(0).then(() => void this.#running.delete(uid)),
      );
    }
  }
}

export function isNodeReady(node: KubeObject): boolean {
  const conditions = (node.status?.["conditions"] ?? []) as { type: string; status: string }[];
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

function statusOf(pod: KubeObject, isReady: boolean, problem: PodProblem | null) {
  const containers = (pod.spec?.["containers"] ?? []) as { name: string; image: string }[];
  const inits = (pod.spec?.["initContainers"] ?? []) as { name: string; image: string }[];
  const waiting = problem ?? { reason: "PodInitializing", message: "", restarts: 0 };
  const { reason, message, restarts } = waiting;
  const initState =
    problem === null
      ? { terminated: { exitCode: 0, reason: "Completed" } }
      : { waiting: { reason, message } };
  return {
    phase: problem === null ? "Running" : "Pending",
    conditions: [{ type: "Ready", status: isReady ? "True" : "False" }],
    initContainerStatuses: inits.map(({ name, image }) => ({
      ...{ name, image, ready: problem === null, restartCount: restarts, state: initState },
    })),
    containerStatuses: containers.map(({ name, image }) => ({
      ...{ name, image, ready: isReady, restartCount: restarts },
      state: problem === null ? { running: {} } : { waiting: { reason, message } },
    })),
  };
}

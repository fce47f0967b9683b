/**
 * How a pod runs on a node of the fake cluster: a script of a test, or a real container in a
 * network namespace. The paper kubelet (kubelet.ts) starts, asks and stops what is behind this.
 */

import type { KubeObject } from "./resources.ts";

/** What a command in a container has said; `code` is its exit code. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why a container does not run, in the words of a real kubelet. */
export interface PodProblem {
  /** Such as `CrashLoopBackOff` or `ImagePullBackOff`. */
  readonly reason: string;
  readonly message: string;
  readonly restarts: number;
}

export interface RunningPod {
  /** As its readiness probe says, once all init containers have ended well. */
  isReady(): Promise<boolean>;
  /** Ends it, by force after `graceMs`. Resolves when it is gone; one that is stuck never does. */
  stop(graceMs: number): Promise<void>;
  /** What `container` has logged; that of the pod if it has one only. */
  logs(container: string | null): Promise<string>;
  exec(words: readonly string[]): Promise<Finished>;
  /** Null while nothing is wrong. Without it, nothing ever is. */
  problem?(): PodProblem | null;
}

export interface PodRunner {
  start(pod: KubeObject, node: KubeObject): RunningPod;
}

/** What a data-plane worker is started with, and what it says back. */

import type { MessagePort } from "node:worker_threads";
import type { Plan, TlsPlan } from "./plan.ts";

export interface WorkerStart {
  /** 1-based; unique among the workers that share a cache. */
  readonly worker: number;
  readonly workerCount: number;
  readonly plan: Plan;
  /** By which later plans come: a `PlanMessage` each, announced in the control memory. */
  readonly plans: MessagePort;
  readonly cacheMemory: SharedArrayBuffer;
  readonly countersMemory: SharedArrayBuffer;
  /** See metrics_memory.ts. */
  readonly metricsMemory: SharedArrayBuffer;
  readonly controlMemory: SharedArrayBuffer;
  readonly ringMemory: SharedArrayBuffer;
  /** `performance.timeOrigin` of the control plane: all clocks count from it. */
  readonly originMs: number;
  readonly hashSeed: number;
  /** Random, different for every process: what tells its answers from all others'. */
  readonly instance: string;
  /** What to say of the configuration, see config_note.ts. */
  readonly configMemory: SharedArrayBuffer;
  /** A byte per descriptor, 1 while the worker has it open: for whoever closes up after it. */
  readonly descriptorMemory: SharedArrayBuffer;
}

export interface PlanMessage {
  /** Of the plans that were sent to this worker since it was started, from 1. */
  readonly number: number;
  readonly plan: Plan;
}

/** Where a connection by TLS is to lead, see hack/decisions/0007-dns-over-tls.md. */
export interface SecureUpstream {
  readonly address: string;
  readonly port: number;
  readonly tls: TlsPlan;
  /** Address to connect from; null: any. */
  readonly sourceAddress: string | null;
}

export type WorkerMessage =
  /**
   * All sockets are open; `ports` are those of the listeners of the plan, `threadId` is the
   * kernel's.
   */
  | { readonly kind: "ready"; readonly ports: readonly number[]; readonly threadId: number }
  /** It serves by plan `number` of those that were sent to it; `ports` as with "ready". */
  | { readonly kind: "adopted"; readonly number: number; readonly ports: readonly number[] }
  /** It goes on with the plan that it has; the text says why, as with "failed". */
  | { readonly kind: "refused"; readonly number: number; readonly message: string }
  /** It cannot start; the text is a whole sentence without its full stop. */
  | { readonly kind: "failed"; readonly message: string }
  /** `descriptor` is to lead to an upstream by TLS; it is the control plane's from now on. */
  | {
      readonly kind: "secure";
      readonly descriptor: number;
      readonly upstream: SecureUpstream;
    }
  /** There are records in the ring. */
  | { readonly kind: "records" }
  | { readonly kind: "stopped" };

/**
 * A place for a worker, as the control plane holds it: the thread that is in it, the memory that
 * outlives that, and the plans on their way to it.
 */

import { MessageChannel, type MessagePort, type Worker } from "node:worker_threads";
import { announcePlans } from "../handoff/control.ts";
import type { Plan } from "../handoff/plan.ts";
import { ringMemory } from "../handoff/ring.ts";
import type { PlanMessage, WorkerMessage, WorkerStart } from "../handoff/worker_start.ts";
import { ADOPT_MS_MAX, DESCRIPTORS_MAX, LOG_RING_BYTES, TERMINATE_MS_MAX } from "../limits.ts";
import { startWorker } from "../sys/workers.ts";
import type { WorkerBell } from "./worker_bell.ts";

/** A worker that serves. */
export interface RunningWorker {
  /** From 1. */
  readonly number: number;
  /** The kernel's id of its thread. */
  readonly threadId: number;
  /** Ports of the plan's listeners, in its own sockets. */
  readonly ports: readonly number[];
  /** Where it can be asked for itself; null when its plan has no private listener. */
  readonly privatePort: number | null;
}

/** What has become of a plan that workers were told of. */
export type Adoption = { readonly isAdopted: true; readonly ports: readonly number[] } | Refusal;

/** All workers go on with the plan before. */
export interface Refusal {
  readonly isAdopted: false;
  /** Why: a sentence without its full stop. */
  readonly problem: string;
  /** Whether the same plan may be adopted another time. */
  readonly mayPass: boolean;
}

export interface WorkerSlotOptions {
  /** From 1. */
  readonly number: number;
  readonly controlMemory: SharedArrayBuffer;
  readonly openBell: ((port: number) => WorkerBell) | null;
  /** How workers are started. @default {startWorker} */
  readonly startWorker: typeof startWorker | undefined;
  /** What a worker says beside what this is about. */
  readonly onMessage: (message: WorkerMessage) => void;
  /** Why the worker cannot go on, without a full stop. */
  readonly onFailure: (problem: string) => void;
  /** It has ended, and not by `terminate`. */
  readonly onEnd: () => void;
}

/** What all workers are started with, and one of them. */
export type StartOptions = Omit<
  WorkerStart,
  "worker" | "plans" | "controlMemory" | "ringMemory" | "descriptorMemory"
>;

export class WorkerSlot {
  readonly ring = ringMemory(LOG_RING_BYTES);
  readonly #options: WorkerSlotOptions;
  readonly #descriptors = new SharedArrayBuffer(DESCRIPTORS_MAX);
  #worker: Worker | null = null;
  #running: RunningWorker | null = null;
  #bell: WorkerBell | null = null;
  /** By which plans go to the worker, and how many have gone. */
  #plans: MessagePort | null = null;
  #planCount = 0;
  /** Takes what becomes of the plan that was sent last; null when that is known. */
  #onPlan: ((result: Adoption) => void) | null = null;
  readonly #onEnded: (() => void)[] = [];

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  get number(): number {
    return this.#options.number;
  }

  /** The worker, while it serves. */
  get running(): RunningWorker | null {
    return this.#running;
  }

  /** Starts a worker. @returns it, once all sockets are open; null when that failed. */
  start(options: StartOptions): Promise<RunningWorker | null> {
    const { number, controlMemory, onFailure, onMessage, onEnd } = this.#options;
    const plans = new MessageChannel();
    this.#plans?.close();
    this.#plans = plans.port1;
    // It keeps no process alive.
    this.#plans.unref();
    this.#planCount = 0;
    announcePlans(controlMemory, number, 0);
    const start: WorkerStart = {
      ...options,
      worker: number,
      plans: plans.port2,
      controlMemory,
      ringMemory: this.ring,
      descriptorMemory: this.#descriptors,
    };
    return new Promise((resolve) => {
      const worker = (this.#options.startWorker ?? startWorker)(start, [plans.port2]);
      this.#worker = worker;
      worker.on("message", (message: WorkerMessage) => {
        if (message.kind === "ready") {
          this.#noteReady(message.threadId, message.ports, options.plan);
          resolve(this.#running);
        } else if (message.kind === "adopted" || message.kind === "refused") {
          this.#hear(message);
        } else if (message.kind === "failed") {
          onFailure(message.message);
        } else {
          onMessage(message);
        }
      });
      worker.on("error", (error: Error) => onFailure(error.message));
      worker.on("exit", () => {
        this.#running = null;
        this.#giveUp("A worker has ended");
        this.#noteEnd();
        resolve(null);
        onEnd();
      });
    });
  }

  /**
   * Sends `plan` to the worker. @returns what has become of it, ADOPT_MS_MAX later at the latest.
   */
  async send(plan: Plan): Promise<Adoption> {
    const result = await new Promise<Adoption>((resolve) => {
      if (this.#running === null) {
        resolve({ isAdopted: false, problem: "A worker has ended", mayPass: false });
        return;
      }
      const late = "A worker did not take the configuration over in time";
      const timer = setTimeout(() => this.#giveUp(late), ADOPT_MS_MAX);
      this.#onPlan = (result) => {
        clearTimeout(timer);
        this.#onPlan = null;
        resolve(result);
      };
      this.#planCount += 1;
      this.#plans!.postMessage({ number: this.#planCount, plan } satisfies PlanMessage);
      announcePlans(this.#options.controlMemory, this.number, this.#planCount);
      this.ringBell();
    });
    if (result.isAdopted && this.#running !== null) {
      const { ports } = result;
      this.#running = { ...this.#running, ports, privatePort: privatePortOf(plan, ports) };
    }
    return result;
  }

  /** Wakes the worker: when nobody asks, it would notice a while later what it is to do. */
  ringBell(): void {
    this.#bell?.ring();
  }

  /**
   * Ends a worker by force, and gives up what it was to take over.
   *
   * @param closeDescriptor closes what it has left open: its sockets would go on getting queries.
   * @returns false when that cannot be: it is in a system call.
   */
  async terminate(closeDescriptor: (fd: number) => void): Promise<boolean> {
    const worker = this.#worker;
    this.#running = null;
    this.#giveUp("A worker hung while it took the configuration over");
    if (worker !== null) {
      worker.removeAllListeners();
      // What is left to say of a thread that is ended by force: nothing.
      worker.on("error", () => {});
      if (!(await isTerminated(worker))) return false;
    }
    this.#noteEnd();
    new Uint8Array(this.#descriptors).forEach((isOpen, fd, descriptors) => {
      if (isOpen === 1) closeDescriptor(fd);
      descriptors[fd] = 0;
    });
    return true;
  }

  /** Waits for the worker to end, by itself or by force. */
  ended(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#worker === null) resolve();
      else this.#onEnded.push(resolve);
    });
  }

  #noteEnd(): void {
    this.#worker = null;
    for (const resolve of this.#onEnded.splice(0)) resolve();
  }

  #noteReady(threadId: number, ports: readonly number[], plan: Plan): void {
    const privatePort = privatePortOf(plan, ports);
    this.#running = { number: this.number, threadId, ports, privatePort };
    // Beforehand: to open one takes longer than a ring may.
    this.#bell?.close();
    this.#bell = privatePort === null ? null : (this.#options.openBell?.(privatePort) ?? null);
  }

  /** Of what has been given up, nothing is heard any more. */
  #hear(message: WorkerMessage & { kind: "adopted" | "refused" }): void {
    if (message.number !== this.#planCount) return;
    this.#onPlan?.(
      message.kind === "adopted"
        ? { isAdopted: true, ports: message.ports }
        : { isAdopted: false, problem: message.message, mayPass: true },
    );
  }

  #giveUp(problem: string): void {
    this.#onPlan?.({ isAdopted: false, problem, mayPass: false });
  }
}

function privatePortOf({ listeners }: Plan, ports: readonly number[]): number | null {
  return ports[listeners.findIndex(({ isPrivate }) => isPrivate)] ?? null;
}

/** A thread that runs JavaScript ends within milliseconds; one in a system call never does. */
function isTerminated(worker: Worker): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), TERMINATE_MS_MAX);
    worker.terminate().then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** The data plane as the control plane sees it: started, listened to, mended, stopped. */

import { MessageChannel, type MessagePort, type Worker } from "node:worker_threads";
import {
  announcePlan,
  controlMemory,
  requestStage,
  STAGE_LEAVE,
  STAGE_STOP,
} from "../handoff/control.ts";
import { COUNTER, countersMemory, countersRow } from "../handoff/counters.ts";
import { metricsMemory } from "../handoff/metrics_memory.ts";
import type { Plan } from "../handoff/plan.ts";
import { ringMemory } from "../handoff/ring.ts";
import type { WorkerMessage, WorkerStart } from "../handoff/worker_start.ts";
import { ADOPT_MS_MAX, DESCRIPTORS_MAX, LOG_RING_BYTES, TERMINATE_MS_MAX } from "../limits.ts";
import { LogDrain } from "../log/log_drain.ts";
import { Consolidation } from "../plugins/errors/consolidation.ts";
import { startWorker } from "../sys/workers.ts";
import type { SecureLinks } from "./secure_links.ts";
import type { WorkerBell } from "./worker_bell.ts";

/** Longer ones are over at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface DataPlaneOptions {
  readonly plan: Plan;
  /** Makes the memory of the cache. */
  readonly createCache: () => SharedArrayBuffer;
  readonly workerCount: number;
  readonly hashSeed: number;
  /** See `WorkerStart.instance`. */
  readonly instance: string;
  /** Closes a descriptor that a worker has left open. */
  readonly closeDescriptor: (fd: number) => void;
  /** A bell for the worker whose private listener has that port. */
  readonly openBell: ((port: number) => WorkerBell) | null;
}

/** A worker that serves. */
export interface RunningWorker {
  /** From 1. */
  readonly number: number;
  /** The kernel's id of its thread. */
  readonly threadId: number;
  /** Ports of the plan's listeners, in its own sockets. */
  readonly ports: readonly number[];
}

/** What has become of a plan that workers were told of. */
export type Adoption =
  | { readonly isAdopted: true; readonly ports: readonly number[] }
  /** All workers go on with the plan before; a sentence without its full stop. */
  | { readonly isAdopted: false; readonly problem: string };

interface Slot {
  readonly ring: SharedArrayBuffer;
  readonly descriptors: SharedArrayBuffer;
  worker: Worker | null;
  running: RunningWorker | null;
  bell: WorkerBell | null;
  /** By which plans go to the worker. */
  plans: MessagePort | null;
  /** Takes what the worker says of the plan that was sent last. */
  onPlan: ((result: Adoption) => void) | null;
}

export class DataPlane {
  readonly countersMemory: SharedArrayBuffer;
  readonly metricsMemory: SharedArrayBuffer;
  /** Why it could not start, or stopped by itself: a sentence without its full stop. */
  failure: string | null = null;
  /** Called when a worker ends that was not told to. */
  onFailure: (() => void) | null = null;
  readonly #options: DataPlaneOptions;
  readonly #control = controlMemory();
  readonly #slots: Slot[] = [];
  readonly #drain: LogDrain;
  #cacheMemory: SharedArrayBuffer;
  /** The plan as it was given. */
  #asked: Plan;
  /** The same with the ports that were found for port 0. */
  #plan: Plan;
  #isStopping = false;
  #secureLinks: Promise<SecureLinks> | null = null;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    this.#asked = options.plan;
    this.#plan = options.plan;
    this.#cacheMemory = options.createCache();
    this.countersMemory = countersMemory(options.workerCount);
    this.metricsMemory = metricsMemory(options.workerCount);
    for (let worker = 0; worker < options.workerCount; worker++) {
      this.#slots.push({
        ring: ringMemory(LOG_RING_BYTES),
        descriptors: new SharedArrayBuffer(DESCRIPTORS_MAX),
        worker: null,
        running: null,
        bell: null,
        plans: null,
        onPlan: null,
      });
    }
    const rings = this.#slots.map((slot) => slot.ring);
    this.#drain = new LogDrain(options.plan, rings, (print) => {
      return new Consolidation(print, (ms, callback) => {
        const timer = setTimeout(callback, Math.min(ms, TIMER_MS_MAX)).unref();
        return () => clearTimeout(timer);
      });
    });
  }

  /** The workers that serve at this moment. */
  get workers(): readonly RunningWorker[] {
    return this.#slots.flatMap(({ running }) => (running === null ? [] : [running]));
  }

  /** All workers serve. */
  get isWhole(): boolean {
    return this.#slots.every(({ running }) => running !== null);
  }

  /** The cache that they share. */
  get cacheMemory(): SharedArrayBuffer {
    return this.#cacheMemory;
  }

  /** Where each worker can be asked for itself; empty when the plan has no private listener. */
  get privatePorts(): readonly number[] {
    const index = this.#plan.listeners.findIndex(({ isPrivate }) => isPrivate);
    return index < 0 ? [] : this.workers.map(({ ports }) => ports[index]!);
  }

  /** When worker `number` last passed its loop, in `performance.now()` of this thread. */
  heartbeatMs(number: number): number {
    return countersRow(this.countersMemory, number - 1)[COUNTER.heartbeatMs]!;
  }

  /**
   * Starts all workers. With port 0 in the plan the first one chooses and the others share it.
   *
   * @returns the listeners' ports once all sockets are open; null when that failed, see `failure`.
   */
  async start(): Promise<readonly number[] | null> {
    for (let number = 1; number <= this.#options.workerCount; number++) {
      const running = await this.#startOne(number);
      if (running === null) {
        await this.stop();
        return null;
      }
      this.#plan = withPorts(this.#plan, running.ports);
    }
    return this.#plan.listeners.map((one) => one.port);
  }

  /**
   * Makes all workers serve by `plan`, while they serve. One after the other, and if one of them
   * cannot, those before it go back: they serve by the same plan always.
   *
   * A port 0 stands for the port that was found for it.
   */
  async adopt(plan: Plan): Promise<Adoption> {
    const before = this.#plan;
    let next = withKnownPorts(plan, this.#asked, before);
    const done: Slot[] = [];
    for (const [index, slot] of this.#slots.entries()) {
      if (slot.running === null) continue;
      const result = await this.#send(slot, index + 1, next);
      if (!result.isAdopted) {
        for (const other of done) await this.#send(other, this.#slots.indexOf(other) + 1, before);
        return result;
      }
      slot.running = { ...slot.running, ports: result.ports };
      next = withPorts(next, result.ports);
      done.push(slot);
    }
    this.#plan = next;
    this.#asked = plan;
    this.#drain.usePlan(next);
    return { isAdopted: true, ports: next.listeners.map(({ port }) => port) };
  }

  /**
   * Ends a worker that does not answer any more and starts another in its place.
   *
   * What it left open is closed: its sockets would go on getting a share of all queries. A lone
   * worker's cache is begun anew, since it may have ended in the middle of a change; several
   * workers notice that by their lock.
   *
   * @returns false when the worker cannot be ended (it is in a system call), or none can be
   * started.
   */
  async replace(number: number): Promise<boolean> {
    const slot = this.#slots[number - 1]!;
    const { worker } = slot;
    if (worker !== null) {
      worker.removeAllListeners();
      // What is left to say of a thread that is ended by force: nothing.
      worker.on("error", () => {});
      if (!(await isTerminated(worker))) return false;
    }
    slot.worker = null;
    slot.running = null;
    new Uint8Array(slot.descriptors).forEach((isOpen, fd, descriptors) => {
      if (isOpen === 1) this.#options.closeDescriptor(fd);
      descriptors[fd] = 0;
    });
    if (this.#options.workerCount === 1) this.#cacheMemory = this.#options.createCache();
    return (await this.#startOne(number)) !== null;
  }

  /**
   * To be called just before the addresses go: clients by TCP get to know in time that they need
   * another connection.
   */
  leave(): void {
    requestStage(this.#control, STAGE_LEAVE);
    this.#wake();
  }

  /** Tells all workers to finish and waits for them. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    requestStage(this.#control, STAGE_STOP);
    this.#wake();
    await Promise.all(
      this.#slots.map(
        ({ worker }) =>
          new Promise<void>((resolve) => {
            if (worker === null) resolve();
            else worker.once("exit", () => resolve());
          }),
      ),
    );
    this.#drain.stop();
    (await this.#secureLinks)?.stop();
  }

  /** When nobody asks, or nobody asks any more, workers would notice a while later. */
  #wake(): void {
    for (const { bell } of this.#slots) bell?.ring();
  }

  /** Beforehand: to open one takes longer than a ring may. */
  #openBell(slot: Slot, ports: readonly number[]): void {
    const index = this.#plan.listeners.findIndex(({ isPrivate }) => isPrivate);
    slot.bell?.close();
    slot.bell = index < 0 ? null : (this.#options.openBell?.(ports[index]!) ?? null);
  }

  #send(slot: Slot, number: number, plan: Plan): Promise<Adoption> {
    return new Promise((resolve) => {
      const problem = "A worker did not take the configuration over in time";
      const timer = setTimeout(() => resolve({ isAdopted: false, problem }), ADOPT_MS_MAX);
      slot.onPlan = (result) => {
        clearTimeout(timer);
        resolve(result);
      };
      slot.plans?.postMessage(plan);
      announcePlan(this.#control, number, plan.generation);
      slot.bell?.ring();
    });
  }

  #startOne(number: number): Promise<RunningWorker | null> {
    const { workerCount, hashSeed, instance } = this.#options;
    const slot = this.#slots[number - 1]!;
    const plans = new MessageChannel();
    slot.plans?.close();
    slot.plans = plans.port1;
    // It keeps no process alive.
    slot.plans.unref();
    const start: WorkerStart = {
      plans: plans.port2,
      worker: number,
      workerCount,
      plan: this.#plan,
      cacheMemory: this.#cacheMemory,
      countersMemory: this.countersMemory,
      metricsMemory: this.metricsMemory,
      controlMemory: this.#control,
      ringMemory: slot.ring,
      descriptorMemory: slot.descriptors,
      originMs: performance.timeOrigin,
      hashSeed,
      instance,
    };
    return new Promise((resolve) => {
      const worker = startWorker(start, [plans.port2]);
      slot.worker = worker;
      worker.on("message", (message: WorkerMessage) => {
        if (message.kind === "ready") {
          slot.running = { number, threadId: message.threadId, ports: message.ports };
          this.#openBell(slot, message.ports);
          resolve(slot.running);
        }
        if (message.kind === "records") this.#drain.call();
        if (message.kind === "adopted") slot.onPlan?.({ isAdopted: true, ports: message.ports });
        if (message.kind === "refused") {
          slot.onPlan?.({ isAdopted: false, problem: message.message });
        }
        if (message.kind === "secure") void this.#link(message);
        if (message.kind === "failed") this.#noteFailure(message.message);
      });
      worker.on("error", (error: Error) => this.#noteFailure(error.message));
      worker.on("exit", () => {
        slot.worker = null;
        slot.running = null;
        resolve(null);
        if (!this.#isStopping) this.#noteFailure("A data-plane worker has ended");
      });
    });
  }

  /** Loaded only where an upstream is asked by TLS. */
  async #link({ descriptor, upstream }: WorkerMessage & { kind: "secure" }): Promise<void> {
    this.#secureLinks ??= import("./secure_links.ts").then((module) => new module.SecureLinks());
    (await this.#secureLinks).connect(descriptor, upstream);
  }

  #noteFailure(message: string): void {
    this.failure ??= message;
    this.onFailure?.();
  }
}

/** `plan` with the ports that a worker has found; private listeners have theirs per worker. */
function withPorts(plan: Plan, ports: readonly number[]): Plan {
  const listeners = plan.listeners.map((one, index) =>
    one.isPrivate ? one : { ...one, port: ports[index]! },
  );
  return { ...plan, listeners };
}

/** `plan` with the port that was found for a listener of `asked`, in place of port 0. */
function withKnownPorts(plan: Plan, asked: Plan, found: Plan): Plan {
  const listeners = plan.listeners.map((one) => {
    if (one.port !== 0 || one.isPrivate) return one;
    const index = asked.listeners.findIndex(
      ({ address, port, isPrivate }) => port === 0 && !isPrivate && address === one.address,
    );
    return index < 0 ? one : { ...one, port: found.listeners[index]!.port };
  });
  return { ...plan, listeners };
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

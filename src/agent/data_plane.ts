/** The data plane as the control plane sees it: started, listened to, mended, stopped. */

import {
  controlMemory,
  requestStage,
  STAGE_HAND_OVER,
  STAGE_LEAVE,
  STAGE_STOP,
} from "../handoff/control.ts";
import { COUNTER, countersMemory, countersRow } from "../handoff/counters.ts";
import { metricsMemory } from "../handoff/metrics_memory.ts";
import type { Plan } from "../handoff/plan.ts";
import type { WorkerMessage } from "../handoff/worker_start.ts";
import { LogDrain } from "../log/log_drain.ts";
import { Consolidation } from "../plugins/errors/consolidation.ts";
import type { startWorker } from "../sys/workers.ts";
import type { SecureLinks } from "./secure_links.ts";
import type { WorkerBell } from "./worker_bell.ts";
import { type Adoption, type Refusal, type RunningWorker, WorkerSlot } from "./worker_slot.ts";

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
  /** See `WorkerStart.configMemory`. */
  readonly configMemory: SharedArrayBuffer;
  /** Closes a descriptor that a worker has left open. */
  readonly closeDescriptor: (fd: number) => void;
  /** A bell for the worker whose private listener has that port. */
  readonly openBell: ((port: number) => WorkerBell) | null;
  /** How workers are started. @default {startWorker} */
  readonly startWorker?: typeof startWorker;
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
  readonly #slots: readonly WorkerSlot[];
  readonly #drain: LogDrain;
  #cacheMemory: SharedArrayBuffer;
  /** The plan as it was given. */
  #asked: Plan;
  /** The same with the ports that were found for port 0. */
  #plan: Plan;
  #isStopping = false;
  /** Changes of plan and starts of workers, one after the other. */
  #busy: Promise<unknown> = Promise.resolve();
  #secureLinks: Promise<SecureLinks> | null = null;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    this.#asked = options.plan;
    this.#plan = options.plan;
    this.#cacheMemory = options.createCache();
    this.countersMemory = countersMemory(options.workerCount);
    this.metricsMemory = metricsMemory(options.workerCount);
    const { openBell, startWorker } = options;
    const numbers = Array.from({ length: options.workerCount }, (_, index) => index + 1);
    this.#slots = numbers.map((number) => {
      const controlMemory = this.#control;
      return new WorkerSlot({
        ...{ number, controlMemory, openBell, startWorker },
        onMessage: (message) => this.#take(message),
        onFailure: (problem) => this.#noteFailure(problem),
        onEnd: () => {
          if (!this.#isStopping) this.#noteFailure("A data-plane worker has ended");
        },
      });
    });
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
    return this.workers.flatMap(({ privatePort }) => privatePort ?? []);
  }

  /** When worker `number` last passed its loop, in `performance.now()` of this thread. */
  heartbeatMs(number: number): number {
    return countersRow(this.countersMemory, number - 1)[COUNTER.heartbeatMs]!;
  }

  /** The age of the oldest sign of life of those that serve; 0 when none does. */
  heartbeatAgeMs(): number {
    const nowMs = performance.now();
    return Math.max(0, ...this.workers.map(({ number }) => nowMs - this.heartbeatMs(number)));
  }

  /**
   * Starts all workers. With port 0 in the plan the first one chooses and the others share it.
   *
   * @returns the listeners' ports once all sockets are open; null when that failed, see `failure`.
   */
  async start(): Promise<readonly number[] | null> {
    for (const slot of this.#slots) {
      const running = await this.#startOne(slot);
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
  adopt(plan: Plan): Promise<Adoption> {
    return this.#inTurn(() => this.#adopt(plan));
  }

  async #adopt(plan: Plan): Promise<Adoption> {
    const before = this.#plan;
    let next = withKnownPorts(plan, this.#asked, before);
    const asked: WorkerSlot[] = [];
    this.#drain.expect(next);
    for (const slot of this.#slots) {
      if (slot.running === null) continue;
      asked.push(slot);
      const result = await slot.send(next);
      if (!result.isAdopted) return await goBack(asked, before, result);
      next = withPorts(next, result.ports);
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
    const { workerCount, closeDescriptor, createCache } = this.#options;
    const slot = this.#slots[number - 1]!;
    // Not in turn: it may be this worker whom everybody waits for.
    if (!(await slot.terminate(closeDescriptor))) return false;
    if (workerCount === 1) this.#cacheMemory = createCache();
    return await this.#inTurn(async () => {
      return this.#isStopping || (await this.#startOne(slot)) !== null;
    });
  }

  /**
   * To be called just before the addresses go: clients by TCP get to know in time that they need
   * another connection.
   *
   * @param hasSuccessor another instance answers by the same addresses: they get it there, and
   *   queries by UDP go there from now on.
   */
  leave(hasSuccessor: boolean): void {
    requestStage(this.#control, hasSuccessor ? STAGE_HAND_OVER : STAGE_LEAVE);
    this.#wake();
  }

  /** Tells all workers to finish and waits for them. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    requestStage(this.#control, STAGE_STOP);
    this.#wake();
    await Promise.all(this.#slots.map((slot) => slot.ended()));
    this.#drain.stop();
    (await this.#secureLinks)?.stop();
  }

  #wake(): void {
    for (const slot of this.#slots) slot.ringBell();
  }

  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#busy.then(action);
    this.#busy = result.catch(() => {});
    return result;
  }

  #startOne(slot: WorkerSlot): Promise<RunningWorker | null> {
    const { workerCount, hashSeed, instance, configMemory } = this.#options;
    return slot.start({
      workerCount,
      plan: this.#plan,
      cacheMemory: this.#cacheMemory,
      countersMemory: this.countersMemory,
      metricsMemory: this.metricsMemory,
      originMs: performance.timeOrigin,
      hashSeed,
      instance,
      configMemory,
    });
  }

  #take(message: WorkerMessage): void {
    if (message.kind === "records") this.#drain.call();
    if (message.kind === "secure") void this.#link(message);
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

/**
 * Makes workers serve by the plan `before` again, also the one that has refused: it may only have
 * been late. @returns why.
 */
async function goBack(
  asked: readonly WorkerSlot[],
  before: Plan,
  refusal: Refusal,
): Promise<Refusal> {
  const results = await Promise.all(asked.map((slot) => slot.send(before)));
  const problems = asked.flatMap(({ running }, index) => {
    const result = results[index]!;
    // One that has ended is started by the plan before, if at all.
    return result.isAdopted || running === null ? [] : [result.problem];
  });
  if (problems.length === 0) return refusal;
  const { problem } = refusal;
  return { ...refusal, problem: `${problem}: and a worker cannot go back: ${problems[0]}` };
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

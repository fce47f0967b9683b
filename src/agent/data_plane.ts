/** The data plane as the control plane sees it: started, listened to, stopped. */

import type { Worker } from "node:worker_threads";
import { controlMemory, requestStop } from "../handoff/control.ts";
import { countersMemory } from "../handoff/counters.ts";
import type { Plan } from "../handoff/plan.ts";
import { ringMemory } from "../handoff/ring.ts";
import type { WorkerMessage, WorkerStart } from "../handoff/worker_start.ts";
import { LOG_RING_BYTES } from "../limits.ts";
import { LogDrain } from "../log/log_drain.ts";
import { startWorker } from "../sys/workers.ts";

export interface DataPlaneOptions {
  readonly plan: Plan;
  readonly cacheMemory: SharedArrayBuffer;
  readonly workerCount: number;
  readonly hashSeed: number;
}

export class DataPlane {
  readonly cacheMemory: SharedArrayBuffer;
  readonly countersMemory: SharedArrayBuffer;
  /** Why it could not start, or stopped by itself: a sentence without its full stop. */
  failure: string | null = null;
  /** Called when a worker ends that was not told to. */
  onFailure: (() => void) | null = null;
  readonly #options: DataPlaneOptions;
  readonly #control = controlMemory();
  readonly #workers: Worker[] = [];
  readonly #drain: LogDrain;
  readonly #rings: SharedArrayBuffer[] = [];
  #isStopping = false;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    this.cacheMemory = options.cacheMemory;
    this.countersMemory = countersMemory(options.workerCount);
    for (let worker = 0; worker < options.workerCount; worker++) {
      this.#rings.push(ringMemory(LOG_RING_BYTES));
    }
    this.#drain = new LogDrain(options.plan, this.#rings);
  }

  /**
   * Starts all workers. With port 0 in the plan the first one chooses and the others share it.
   *
   * @returns the listeners' ports once all sockets are open; null when that failed, see `failure`.
   */
  async start(): Promise<readonly number[] | null> {
    let { plan } = this.#options;
    let ports: readonly number[] | null = null;
    for (let worker = 1; worker <= this.#options.workerCount; worker++) {
      ports = await this.#startOne(worker, plan);
      if (ports === null) {
        await this.stop();
        return null;
      }
      const bound = ports;
      const listeners = plan.listeners.map((one, index) => ({ ...one, port: bound[index]! }));
      plan = { ...plan, listeners };
    }
    return ports;
  }

  /** Tells all workers to finish and waits for them. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    requestStop(this.#control);
    await Promise.all(
      this.#workers.map((worker) => new Promise((resolve) => void worker.once("exit", resolve))),
    );
    this.#drain.stop();
  }

  #startOne(number: number, plan: Plan): Promise<readonly number[] | null> {
    const { cacheMemory, workerCount, hashSeed } = this.#options;
    const start: WorkerStart = {
      worker: number,
      workerCount,
      plan,
      cacheMemory,
      countersMemory: this.countersMemory,
      controlMemory: this.#control,
      ringMemory: this.#rings[number - 1]!,
      originMs: performance.timeOrigin,
      hashSeed,
    };
    return new Promise((resolve) => {
      const worker = startWorker(start);
      this.#workers.push(worker);
      worker.on("message", (message: WorkerMessage) => {
        if (message.kind === "ready") resolve(message.ports);
        if (message.kind === "records") this.#drain.call();
        if (message.kind === "failed") this.#noteFailure(message.message);
      });
      worker.on("error", (error: Error) => this.#noteFailure(error.message));
      worker.on("exit", () => {
        this.#workers.splice(this.#workers.indexOf(worker), 1);
        resolve(null);
        if (!this.#isStopping) this.#noteFailure("A data-plane worker has ended");
      });
    });
  }

  #noteFailure(message: string): void {
    this.failure ??= message;
    this.onFailure?.();
  }
}

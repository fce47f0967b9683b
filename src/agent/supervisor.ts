/**
 * Watches the workers: who has not passed its loop for a while spins, or is stuck in the kernel, or
 * has only had no CPU.
 *
 * A worker passes its loop ten times a second even when nobody asks (SLEEP_MS_MAX), so a heartbeat
 * that is old means something. What it means is read off the thread: one that has had CPU time
 * since then spins; one that is ready to run and has had none was throttled, and so were we; one
 * that sleeps or is stopped is in a system call that does not return.
 */

import type { ThreadTimes } from "../sys/thread_times.ts";

/** Between two looks. */
export const SUPERVISE_MS = 400;
/** A heartbeat of this age is a miss. */
const MISS_MS = 300;
/** Misses in a row before anything is thought of it. */
const MISSES_MAX = 3;
/** No turn of the loop takes so much CPU. */
const SPIN_CPU_MS = 300;
/** When we ourselves were this late, nobody had CPU, and nothing can be told. */
const LATE_MS = 250;

export type Verdict =
  | "fine"
  /** Overdue, but it is too early to tell, or it has had no CPU. */
  | "late"
  /** Runs and does not come round: can be ended and replaced. */
  | "spinning"
  /** In a system call: can only be ended with the process. */
  | "stuck";

/** What is remembered of a worker between two looks. */
interface Missed {
  count: number;
  /** CPU time of its thread at the first miss. */
  readonly cpuMs: number;
}

export interface Watched {
  readonly number: number;
  readonly threadId: number;
  readonly heartbeatMs: number;
}

export class Supervisor {
  readonly #readTimes: (threadId: number) => ThreadTimes | null;
  readonly #missed = new Map<number, Missed>();
  #lastLookMs = Number.NaN;

  constructor(readTimes: (threadId: number) => ThreadTimes | null) {
    this.#readTimes = readTimes;
  }

  /** To be called every SUPERVISE_MS. @returns the verdict for each worker, by its number. */
  look(nowMs: number, workers: readonly Watched[]): Map<number, Verdict> {
    const isLate = nowMs - this.#lastLookMs > SUPERVISE_MS + LATE_MS;
    this.#lastLookMs = nowMs;
    if (isLate) this.#missed.clear();
    return new Map(workers.map((worker) => [worker.number, this.#judge(nowMs, worker)]));
  }

  /** The worker has been replaced: what was seen of the other one is void. */
  forget(number: number): void {
    this.#missed.delete(number);
  }

  #judge(nowMs: number, { number, threadId, heartbeatMs }: Watched): Verdict {
    if (nowMs - heartbeatMs < MISS_MS) {
      this.#missed.delete(number);
      return "fine";
    }
    const times = this.#readTimes(threadId);
    if (times === null) return "stuck";
    const missed = this.#missed.get(number) ?? { count: 0, cpuMs: times.cpuMs };
    missed.count += 1;
    this.#missed.set(number, missed);
    if (missed.count < MISSES_MAX) return "late";
    if (times.cpuMs - missed.cpuMs >= SPIN_CPU_MS) return "spinning";
    return times.state === "R" ? "late" : "stuck";
  }
}

/**
 * Watches the workers: who has not passed its loop for a while spins, or is stuck in the kernel, or
 * has only had no CPU.
 *
 * A worker passes its loop ten times a second even when nobody asks (SLEEP_MS_MAX), so a heartbeat
 * that is old means something. What it means is read off the thread: one that has had much CPU
 * since then spins, however long that took on a busy machine; one that is ready to run and has had
 * little was throttled, and so were we; one that sleeps or is stopped, and uses no CPU at all, is
 * in a system call that does not return.
 */

import type { ThreadTimes } from "../sys/thread_times.ts";

/** Between two looks. */
export const SUPERVISE_MS = 400;
/** A heartbeat of this age is a miss. */
const MISS_MS = 300;
/** Misses in a row, without a pass in between, before anything is thought of it. */
const MISSES_MAX = 3;
/**
 * No turn of the loop takes so much CPU, on top of what it had until the first miss. On a busy
 * machine, where a thread gets a tenth of a core, this is what it takes longest to see.
 */
const SPIN_CPU_MS = 200;
/** When we ourselves were this late, nobody had CPU, and a thread that had none is no wonder. */
const LATE_MS = 250;

export type Verdict =
  | "fine"
  /** Overdue, but it is too early to tell, or it has had no CPU. */
  | "late"
  /** Runs and does not come round: can be ended and replaced. */
  | "spinning"
  /** In a system call: can only be ended with the process. */
  | "stuck";

/** What is remembered of a worker since its first miss. */
interface Missed {
  /** Of another pass nothing of this is true. */
  readonly heartbeatMs: number;
  count: number;
  /** Looks in a row at which it neither ran nor had run since the look before. */
  idleCount: number;
  /** CPU time of its thread at the first miss, and at the last one. */
  readonly firstCpuMs: number;
  lastCpuMs: number;
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
    return new Map(workers.map((one) => [one.number, this.#judge(one, { nowMs, isLate })]));
  }

  /** The worker has been replaced: what was seen of the other one is void. */
  forget(number: number): void {
    this.#missed.delete(number);
  }

  #judge(
    { number, threadId, heartbeatMs }: Watched,
    { nowMs, isLate }: { readonly nowMs: number; readonly isLate: boolean },
  ): Verdict {
    if (nowMs - heartbeatMs < MISS_MS) {
      this.#missed.delete(number);
      return "fine";
    }
    const times = this.#readTimes(threadId);
    if (times === null) return "stuck";
    const { state, cpuMs } = times;
    const missed = this.#missedOf(number, heartbeatMs, cpuMs);
    const isIdle = state !== "R" && cpuMs === missed.lastCpuMs && !isLate;
    missed.count += 1;
    missed.idleCount = isIdle ? missed.idleCount + 1 : 0;
    missed.lastCpuMs = cpuMs;
    if (missed.count < MISSES_MAX) return "late";
    if (cpuMs - missed.firstCpuMs >= SPIN_CPU_MS) return "spinning";
    return missed.idleCount >= MISSES_MAX ? "stuck" : "late";
  }

  /** What is known of its misses; a slow one, that has come round in between, has none yet. */
  #missedOf(number: number, heartbeatMs: number, cpuMs: number): Missed {
    const known = this.#missed.get(number);
    if (known?.heartbeatMs === heartbeatMs) return known;
    const counts = { count: 0, idleCount: 0 };
    const missed = { ...counts, heartbeatMs, firstCpuMs: cpuMs, lastCpuMs: cpuMs };
    this.#missed.set(number, missed);
    return missed;
  }
}

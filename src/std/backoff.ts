/** When to try again: at once at first, later and later as it goes on failing. */

export interface BackoffTimes {
  /** Wait after the first failure, ms; it doubles with each. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** A success that lasted so long, ms, makes the next wait the first one again. */
  readonly stableMs: number;
}

export class Backoff {
  readonly #times: BackoffTimes;
  readonly #nowMs: () => number;
  #atMs = Number.NEGATIVE_INFINITY;
  #waitMs: number;
  #succeededAtMs = Number.NaN;

  constructor(times: BackoffTimes, nowMs: () => number) {
    this.#times = times;
    this.#nowMs = nowMs;
    this.#waitMs = times.firstMs;
  }

  isDue(): boolean {
    return this.#nowMs() >= this.#atMs;
  }

  /** It has failed, now or after a success. */
  postpone(): void {
    const { firstMs, lastMs, stableMs } = this.#times;
    if (this.#nowMs() - this.#succeededAtMs >= stableMs) this.#waitMs = firstMs;
    this.#succeededAtMs = Number.NaN;
    this.#atMs = this.#nowMs() + this.#waitMs;
    this.#waitMs = Math.min(this.#waitMs * 2, lastMs);
  }

  succeed(): void {
    this.#succeededAtMs = this.#nowMs();
  }
}

// Hot path.
/**
 * Which answers are asked for again before they expire: those of names that are asked for often.
 *
 * Hits are counted approximately, by every worker for itself, for some thousand keys at a time: a
 * name that is not among them expires as without prefetching, and nothing is lost. Nothing here is
 * shared, so nothing is locked. Counts outlive the answer that they were counted for.
 *
 *   1024 sets of 4 records of 4 words:   key hash | last hit, seconds | hits | refreshed
 *
 * `refreshed` is when the answer expires that was last asked for again: each is refreshed once.
 */
import type { PrefetchPlan } from "../handoff/plan.ts";

const SETS = 1024;
const WAYS = 4;
const RECORD_WORDS = 4;
const SET_WORDS = WAYS * RECORD_WORDS;

const RECORD_HASH = 0;
const RECORD_LAST_SEC = 1;
const RECORD_HITS = 2;
const RECORD_REFRESHED = 3;

const HITS_MAX = 0x7fff_ffff;
const PERCENT = 100;
const MS_PER_SEC = 1000;

export class Prefetch {
  readonly #amount: number;
  readonly #gapSec: number;
  readonly #percentage: number;
  readonly #records = new Int32Array(SETS * SET_WORDS);
  #counted = 0;

  constructor(plan: PrefetchPlan) {
    this.#amount = plan.amount;
    this.#gapSec = Math.max(Math.ceil(plan.gapMs / MS_PER_SEC), 1);
    this.#percentage = plan.percentage;
  }

  /**
   * Counts a hit of the key with `hash`.
   *
   * @param expiresAtSec of the answer that was given; it has not expired.
   * @returns whether it is time to refresh it, and it was not refreshed yet. Say so if you do:
   * `noteRefresh()`.
   */
  countHit(hash: number, storedAtSec: number, expiresAtSec: number, nowSec: number): boolean {
    const records = this.#records;
    const at = this.#recordOf(hash, nowSec);
    const goesOn = ((nowSec - records[at + RECORD_LAST_SEC]) | 0) < this.#gapSec;
    const before = goesOn ? records[at + RECORD_HITS] : 0;
    const hits = before < HITS_MAX ? before + 1 : before;
    records[at + RECORD_HITS] = hits;
    records[at + RECORD_LAST_SEC] = nowSec;
    this.#counted = at;
    if (hits < this.#amount || records[at + RECORD_REFRESHED] === expiresAtSec) return false;
    const lifetimeSec = (expiresAtSec - storedAtSec) | 0;
    // As a fraction of whole seconds: the last one always counts.
    const lastSec = Math.ceil((lifetimeSec * this.#percentage) / PERCENT);
    return ((expiresAtSec - nowSec) | 0) <= lastSec;
  }

  /** The answer of the last `countHit()`, which expires at `expiresAtSec`, is being refreshed. */
  noteRefresh(expiresAtSec: number): void {
    this.#records[this.#counted + RECORD_REFRESHED] = expiresAtSec;
  }

  /** The record of `hash`; when there was none, that of the key asked for least lately. */
  #recordOf(hash: number, nowSec: number): number {
    const records = this.#records;
    const first = (hash & (SETS - 1)) * SET_WORDS;
    let oldest = first;
    let oldestSec = -1;
    for (let at = first; at < first + SET_WORDS; at += RECORD_WORDS) {
      if (records[at + RECORD_HITS] === 0) {
        oldest = at;
        break;
      }
      if (records[at + RECORD_HASH] === hash) return at;
      const sinceSec = (nowSec - records[at + RECORD_LAST_SEC]) | 0;
      if (sinceSec > oldestSec) {
        oldestSec = sinceSec;
        oldest = at;
      }
    }
    records[oldest + RECORD_HASH] = hash;
    records[oldest + RECORD_HITS] = 0;
    records[oldest + RECORD_REFRESHED] = 0;
    return oldest;
  }
}

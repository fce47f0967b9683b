// Hot path.
/**
 * The one lock of the writers, in shared memory; readers never take it.
 *
 *   word LOCK: 0 is free, else worker << 24 | how often it was taken, modulo 2^24
 *
 * It is held for a few microseconds. Who does not get it within a short spin gives up: the answer
 * is then given but not stored. A word that has not changed for LOCK_STALE_SEC means that its
 * holder died with it; whoever sees that takes the lock over and is told, because the memory behind
 * it may be half-written.
 */
import { BUSY_COUNT, LOCK } from "./memory.ts";

export const LOCK_BUSY = 0;
export const LOCK_TAKEN = 1;
export const LOCK_STOLEN = 2;

/** About 20 µs: longer than any store, shorter than a time slice. */
export const LOCK_SPINS_MAX = 1000;
/** A holder is dead after this; a live one has never been seen to need a thousandth of it. */
export const LOCK_STALE_SEC = 3;

const WORKER_SHIFT = 24;
const TURN_MASK = 0x00ff_ffff;
/** Workers are 1 to 127, so that the word is never 0 nor negative. */
export const WORKERS_MAX = 127;

export class WriterLock {
  readonly #words: Int32Array;
  readonly #worker: number;
  #turn = 0;
  /** The word while it is ours; 0 else. */
  #held = 0;
  /** Somebody else's word, and the second at which it was first seen. */
  #seen = 0;
  #seenSinceSec = 0;

  /**
   * @param worker 1 to WORKERS_MAX, different for each thread.
   * @throws {RangeError} when it is outside.
   */
  constructor(words: Int32Array, worker: number) {
    if (!(worker >= 1 && worker <= WORKERS_MAX)) {
      throw new RangeError("Cannot create a lock: the worker must be 1 to 127");
    }
    this.#words = words;
    this.#worker = worker;
  }

  /** @returns LOCK_TAKEN, LOCK_STOLEN when its holder had died, or LOCK_BUSY. */
  take(nowSec: number): number {
    this.#turn = (this.#turn + 1) & TURN_MASK;
    const mine = (this.#worker << WORKER_SHIFT) | this.#turn;
    for (let spin = 0; spin < LOCK_SPINS_MAX; spin++) {
      if (Atomics.load(this.#words, LOCK) !== 0) continue;
      if (Atomics.compareExchange(this.#words, LOCK, 0, mine) !== 0) continue;
      this.#held = mine;
      this.#seen = 0;
      return LOCK_TAKEN;
    }
    const theirs = Atomics.load(this.#words, LOCK);
    if (theirs !== this.#seen || theirs === 0) {
      this.#seen = theirs;
      this.#seenSinceSec = nowSec;
    } else if (nowSec - this.#seenSinceSec >= LOCK_STALE_SEC) {
      if (Atomics.compareExchange(this.#words, LOCK, theirs, mine) === theirs) {
        this.#held = mine;
        this.#seen = 0;
        return LOCK_STOLEN;
      }
    }
    Atomics.add(this.#words, BUSY_COUNT, 1);
    return LOCK_BUSY;
  }

  /** Gives it back, unless it was stolen. */
  release(): void {
    Atomics.compareExchange(this.#words, LOCK, this.#held, 0);
    this.#held = 0;
  }
}

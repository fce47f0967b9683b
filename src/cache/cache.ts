// Hot path.
/**
 * The cache: answers as wire bytes in one shared memory, found without a lock, stored with one.
 *
 * Every thread has a `Cache` of its own over the same memory. Reading is in reader.ts; this adds
 * storing, capacities, and forgetting a view. Never fetches, never looks at a clock: time is an
 * argument, in seconds of any clock that does not go back and is the same in all threads.
 */
import { VIEWS_MAX } from "../limits.ts";
import { NO_SLOT, UNITS_MASK } from "./buckets.ts";
import {
  ENTRY_COUNTS,
  ENTRY_HASH,
  ENTRY_NAME_WORDS,
  ENTRY_OWNER,
  ENTRY_QUESTION,
  entryKind,
  entryView,
  entryWords,
  KIND_SERVFAIL,
  OWNER_KEY_MASK,
  unitsOfWords,
} from "./entry.ts";
import {
  LIST_CAPACITY,
  LIST_DENIAL,
  LIST_STALE_SEC,
  LIST_SUCCESS,
  listOf,
  usefulSec,
} from "./lists.ts";
import { LOCK_BUSY, LOCK_STOLEN, WriterLock } from "./lock.ts";
import { COUNT_KEPT, COUNT_STOLEN, COUNT_TOO_LARGE, cacheMemory, resetMemory } from "./memory.ts";
import { CacheReader } from "./reader.ts";
import { Writer } from "./writer.ts";

export { NOT_CACHED } from "./reader.ts";

/** A new entry. */
export const STORED = 0;
/** In place of an older answer to the same question. */
export const REPLACED = 1;
/** Not stored: larger than an eighth of the main ring. */
export const TOO_LARGE = 2;
/** Not stored: another thread holds the lock. */
export const BUSY = 3;
/** Not stored: a failure does not replace an answer that is still of use. */
export const KEPT = 4;

/** How many entries a view may hold; 0 is as many as the budget allows. */
export interface ViewCapacity {
  /** 0 to VIEWS_MAX - 1. */
  readonly view: number;
  readonly successCapacity: number;
  readonly denialCapacity: number;
  /**
   * How long answers are of use after they have expired: they are not turned out for that, and no
   * failure takes their place. Seconds, STALE_SEC_MAX at most. @default {0}
   */
  readonly staleSec?: number;
}

export interface CacheOptions {
  /** Several threads use the memory. When false, no atomic operation is on the way of a hit. */
  readonly shared: boolean;
  /** This thread's number, 1 to 127, different from all others'. @default {1} */
  readonly worker?: number;
}

/** Capacities of both classes are brought down by so many entries in one call at most. */
const TRIMMED_PER_CALL_MAX = 4096;
export class Cache extends CacheReader {
  readonly #shared: boolean;
  readonly #writer: Writer;
  readonly #lock: WriterLock;

  /**
   * Memory for a cache, see `cacheMemory()`.
   *
   * @param budgetBytes 1 MiB to 3.5 GiB; index, counters and entries all fit in it.
   * @throws {RangeError} when the budget is outside.
   */
  static memoryFor(budgetBytes: number): SharedArrayBuffer {
    return cacheMemory(budgetBytes);
  }

  /**
   * @throws {TypeError | RangeError} for memory that is not a cache's, or a worker out of range.
   */
  constructor(buffer: SharedArrayBuffer, options: CacheOptions) {
    super(buffer, options.shared);
    this.#shared = options.shared;
    this.#writer = new Writer(this.memory, options.shared);
    this.#lock = new WriterLock(this.words, options.worker ?? 1);
  }

  /**
   * Stores the entry image at word `from` of `image`, as `buildEntry()` left it.
   *
   * @param nowSec on the clock of the image.
   * @returns STORED, REPLACED, or why not: TOO_LARGE, BUSY, KEPT.
   */
  store(image: Int32Array, from: number, nowSec: number): number {
    assertView(entryView(image, from));
    if (unitsOfWords(entryWords(image, from)) > this.memory.unitsMax) {
      this.memory.counters[COUNT_TOO_LARGE]++;
      return TOO_LARGE;
    }
    if (!this.#take(nowSec)) return BUSY;
    const result = this.#put(image, from, nowSec);
    this.#giveBack();
    return result;
  }

  /**
   * Sets the capacities of views; a view that is not named keeps its own.
   *
   * @returns false when there is more to do, because another thread held the lock or so many
   * entries are above the new capacity: call again.
   */
  setViews(views: readonly ViewCapacity[], nowSec: number): boolean {
    for (let i = 0; i < views.length; i++) assertView(views[i].view);
    if (!this.#take(nowSec)) return false;
    let left = TRIMMED_PER_CALL_MAX;
    for (let i = 0; i < views.length; i++) {
      const success = listOf(views[i].view, LIST_SUCCESS);
      left -= this.#writer.setCapacity(success, views[i].successCapacity, left);
      const denial = listOf(views[i].view, LIST_DENIAL);
      left -= this.#writer.setCapacity(denial, views[i].denialCapacity, left);
      const staleSec = views[i].staleSec ?? 0;
      this.words[success + LIST_STALE_SEC] = staleSec;
      this.words[denial + LIST_STALE_SEC] = staleSec;
    }
    this.#giveBack();
    return left > 0;
  }

  /**
   * Notes that what the last `find()` found, which has expired, could not be refreshed: from then
   * on its `storedAtSec` is when that was, and not before `expiresAtSec`.
   */
  noteFailure(nowSec: number): void {
    const slot = this.foundSlot;
    if (!this.#take(nowSec)) return;
    if (this.isFound(slot)) this.#writer.noteFailure(slot);
    this.#giveBack();
  }

  /** Removes what the last `find()` found, because it is known to be wrong. */
  removeFound(nowSec: number): void {
    const slot = this.foundSlot;
    if (!this.#take(nowSec)) return;
    if (this.isFound(slot)) this.#writer.remove(slot);
    this.#giveBack();
  }

  /**
   * Removes the entries of a view that is no longer; a few thousand in one call.
   *
   * @returns how many are left: its number must not be given to another view before that is 0.
   */
  forgetView(view: number, nowSec: number): number {
    assertView(view);
    const success = listOf(view, LIST_SUCCESS);
    const denial = listOf(view, LIST_DENIAL);
    if (this.#take(nowSec)) {
      this.words[success + LIST_CAPACITY] = 0;
      this.words[denial + LIST_CAPACITY] = 0;
      const count = this.#writer.forget(success, TRIMMED_PER_CALL_MAX);
      this.#writer.forget(denial, TRIMMED_PER_CALL_MAX - count);
      this.#giveBack();
    }
    return this.memory.entriesOf(view, LIST_SUCCESS) + this.memory.entriesOf(view, LIST_DENIAL);
  }

  #put(image: Int32Array, from: number, nowSec: number): number {
    const words = this.words;
    const slot = this.seek(
      image[from + ENTRY_HASH],
      image[from + ENTRY_QUESTION],
      image[from + ENTRY_OWNER] & OWNER_KEY_MASK,
      image,
      from + ENTRY_NAME_WORDS,
      image[from + ENTRY_COUNTS] >>> 16,
    );
    if (slot === NO_SLOT) {
      this.#writer.insert(image, from);
      return STORED;
    }
    const at = (words[slot] & UNITS_MASK) << 2;
    if (
      usefulSec(words, at, nowSec) > 0 &&
      entryKind(image, from) === KIND_SERVFAIL &&
      entryKind(words, at) !== KIND_SERVFAIL
    ) {
      // RFC 9520 §3.2 caches failures; it does not let them drive out what is known.
      this.memory.counters[COUNT_KEPT]++;
      return KEPT;
    }
    this.#writer.replace(image, from, slot);
    return REPLACED;
  }

  #take(nowSec: number): boolean {
    if (this.#shared) {
      const taken = this.#lock.take(nowSec);
      if (taken === LOCK_BUSY) return false;
      // Whoever held it may have died between two words that belong together.
      if (taken === LOCK_STOLEN) {
        resetMemory(this.words);
        this.memory.counters[COUNT_STOLEN]++;
      }
    }
    this.#writer.setNow(nowSec);
    return true;
  }

  #giveBack(): void {
    if (this.#shared) this.#lock.release();
  }
}

function assertView(view: number): void {
  if (!(view >= 0 && view < VIEWS_MAX)) {
    throw new RangeError("Cannot use a view of the cache: its number must be 0 to 255");
  }
}

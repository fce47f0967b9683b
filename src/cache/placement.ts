// Hot path.
/**
 * Puts entries into the memory, moves them and takes them out, so that bytes, slots, lists and
 * totals always agree. Which entry, and where to, is the business of writer.ts.
 *
 * Must hold the lock in shared mode. Readers go on without it, see cache.ts: so the order is always
 * *clear the slot, write the bytes, set the slot*, and the barrier in between is `#settle()`.
 */

import {
  emptySlot,
  GENERATION_SHIFT,
  hashWordOfSlot,
  leastUsedSlot,
  NO_SLOT,
  otherSlot,
  slotAt,
  slotOfUnit,
  UNITS_MASK,
  USES_MASK,
} from "./buckets.ts";
import {
  ENTRY_HASH,
  ENTRY_NEWER,
  ENTRY_OLDER,
  ENTRY_SEQUENCE,
  ENTRY_SIZES,
  ENTRY_STORED_AT,
  entryUnits,
  entryWords,
  killEntry,
} from "./entry.ts";
import { linkEntry, listOfEntry, relinkEntry, unlinkEntry, usefulSec } from "./lists.ts";
import {
  BUCKET_SLOTS,
  type CacheMemory,
  COUNT_EVICTED,
  COUNT_EVICTED_BUCKET,
  COUNT_EXPIRED,
  COUNT_REPLACED,
  COUNT_STORED,
  ENTRIES,
  evictionsAt,
  LIVE_UNITS,
  LOCK,
  NOW_SEC,
  SEQUENCE,
  VIEWS_AT,
} from "./memory.ts";

const LOW_16 = 0xffff;

export class Placement {
  readonly #memory: CacheMemory;
  readonly #words: Int32Array;
  readonly #shared: boolean;
  #nowSec = 0;

  constructor(memory: CacheMemory, shared: boolean) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#shared = shared;
  }

  /** The clock of everything that follows. */
  setNow(nowSec: number): void {
    this.#nowSec = nowSec;
    this.#words[NOW_SEC] = nowSec;
  }

  /** Seconds until the entry at word `at` is of no use; 0 or less when it is of none. */
  leftSec(at: number): number {
    return usefulSec(this.#words, at, this.#nowSec);
  }

  /** The slot of the entry at word `at`, which is alive. */
  slotOf(at: number): number {
    const memory = this.#memory;
    const hash = this.#words[at + ENTRY_HASH];
    return slotOfUnit(this.#words, memory.bucketsAt, memory.bucketCount, hash, at >>> 2);
  }

  /** Hits of the entry of `slot`, as bits of its location. */
  usesOf(slot: number): number {
    return this.#words[slot] & USES_MASK;
  }

  setUses(slot: number, uses: number): void {
    this.#writeSlot(slot, (this.#words[slot] & ~USES_MASK) | uses);
  }

  /** Writes a new entry to `units` units at `unit`; there is none with its key. */
  insert(image: Int32Array, from: number, unit: number, units: number, uses: number): void {
    const words = this.#words;
    const hash = image[from + ENTRY_HASH];
    const slot = this.#takeSlot(hash);
    const at = unit << 2;
    this.#settle();
    this.#copyImage(image, from, at, units);
    linkEntry(words, listOfEntry(words, at), at);
    words[hashWordOfSlot(slot)] = hash;
    this.#setSlot(slot, unit | uses);
    words[ENTRIES]++;
    words[LIVE_UNITS] += units;
    this.#observe(COUNT_STORED, at);
  }

  /**
   * Writes a new answer over the one of `slot`, which has the same key and class and is large
   * enough.
   */
  overwrite(image: Int32Array, from: number, slot: number): void {
    const words = this.#words;
    const location = words[slot];
    const at = (location & UNITS_MASK) << 2;
    const older = words[at + ENTRY_OLDER];
    const newer = words[at + ENTRY_NEWER];
    const units = entryUnits(words, at);
    this.#writeSlot(slot, 0);
    this.#settle();
    this.#copyImage(image, from, at, units);
    words[at + ENTRY_OLDER] = older;
    words[at + ENTRY_NEWER] = newer;
    this.#setSlot(slot, location & (UNITS_MASK | USES_MASK));
    this.#memory.counters[COUNT_REPLACED]++;
    this.#observe(COUNT_STORED, at);
  }

  /**
   * Writes the time to the entry of `slot`, in place of when it was stored. One word that readers
   * either see or not: no need to clear the slot.
   */
  noteFailure(slot: number): void {
    const words = this.#words;
    words[((words[slot] & UNITS_MASK) << 2) + ENTRY_STORED_AT] = this.#nowSec;
  }

  /** Takes the entry of `slot` out of everything; its bytes stay until a tail passes. */
  remove(slot: number, moment: number): void {
    const words = this.#words;
    const at = (words[slot] & UNITS_MASK) << 2;
    this.#observe(moment, at);
    this.#writeSlot(slot, 0);
    unlinkEntry(words, listOfEntry(words, at), at);
    words[ENTRIES]--;
    words[LIVE_UNITS] -= entryUnits(words, at);
    killEntry(words, at);
  }

  /**
   * Copies the entry at word `at` to `unit`, which is below it or far from it, and points `slot`
   * there.
   */
  move(slot: number, at: number, unit: number, units: number, uses: number): void {
    const words = this.#words;
    const target = unit << 2;
    const unitsBefore = entryUnits(words, at);
    const count = entryWords(words, at);
    this.#writeSlot(slot, 0);
    this.#settle();
    if (target !== at) for (let i = 0; i < count; i++) words[target + i] = words[at + i];
    this.#stamp(target, units);
    relinkEntry(words, listOfEntry(words, target), target);
    this.#setSlot(slot, unit | uses);
    words[LIVE_UNITS] += units - unitsBefore;
  }

  #takeSlot(hash: number): number {
    const words = this.#words;
    const at = this.#memory.bucketsAt;
    const count = this.#memory.bucketCount;
    const empty = emptySlot(words, at, count, hash);
    if (empty !== NO_SLOT) return empty;
    // Both full, as happens to one store in 20 when the index is full to 5/6: make room as in
    // cuckoo hashing, but one step only.
    for (let i = 0; i < 2 * BUCKET_SLOTS; i++) {
      const slot = slotAt(at, count, hash, i);
      const other = otherSlot(words, at, count, slot);
      if (other === NO_SLOT) continue;
      words[hashWordOfSlot(other)] = words[hashWordOfSlot(slot)];
      this.#writeSlot(other, words[slot]);
      this.#writeSlot(slot, 0);
      return slot;
    }
    const slot = leastUsedSlot(words, at, count, hash, this.#nowSec, words[SEQUENCE]);
    const expired = this.leftSec((words[slot] & UNITS_MASK) << 2) <= 0;
    this.remove(slot, expired ? COUNT_EXPIRED : COUNT_EVICTED_BUCKET);
    return slot;
  }

  #copyImage(image: Int32Array, from: number, at: number, units: number): void {
    const words = this.#words;
    const count = entryWords(image, from);
    for (let i = 0; i < count; i++) words[at + i] = image[from + i];
    this.#stamp(at, units);
  }

  /** Says that the bytes at word `at` are new ones, and how many are allocated. */
  #stamp(at: number, units: number): void {
    const words = this.#words;
    const sequence = (words[SEQUENCE] + 1) | 0;
    words[SEQUENCE] = sequence;
    words[at + ENTRY_SEQUENCE] = sequence;
    words[at + ENTRY_SIZES] = (words[at + ENTRY_SIZES] & ~LOW_16) | units;
  }

  /** Publishes a location, with the generation of the last write. */
  #setSlot(slot: number, unitAndUses: number): void {
    this.#writeSlot(slot, unitAndUses | (this.#words[SEQUENCE] << GENERATION_SHIFT));
  }

  #writeSlot(slot: number, location: number): void {
    if (this.#shared) Atomics.store(this.#words, slot, location);
    else this.#words[slot] = location;
  }

  /**
   * Makes slots that were cleared visible before the bytes that are written next.
   *
   * On arm64 a plain store may overtake the store-release before it; a load-acquire in between may
   * not be overtaken, nor overtake that store-release.
   */
  #settle(): void {
    if (this.#shared) Atomics.load(this.#words, LOCK);
  }

  /**
   * Every entry that is stored, expires or is evicted passes here, once, with the entry at word
   * `at` still whole: the place for whoever wants to follow what is in the cache.
   */
  #observe(moment: number, at: number): void {
    const memory = this.#memory;
    memory.counters[moment]++;
    if (moment < COUNT_EVICTED || moment > COUNT_EVICTED_BUCKET) return;
    memory.lists[evictionsAt(listOfEntry(this.#words, at) - VIEWS_AT)]++;
  }
}

/**
 * The one SharedArrayBuffer of the cache: its map, and how much of a budget each part gets.
 *
 *   header      2 KiB   what is where, lock, clock, heads and tails of the rings, counters
 *   views      16 KiB   per view and class: entries held, capacity, ends of their list, stale time
 *   buckets     7 %     64 bytes each: 8 key hashes, then 8 locations
 *   ghosts      1.5 %   32 bytes each: 16 fingerprints of keys lately turned away
 *   small ring  9 %     entries on probation, in order of arrival
 *   main ring   82 %    entries that proved themselves
 *
 * The map is written once by `cacheMemory()` and read by every `CacheMemory`, in any thread. No
 * part ever grows: an empty cache and a full one take the same budget.
 */
import { VIEWS_MAX } from "../limits.ts";
import { UNIT_BYTES } from "./entry.ts";

export const CACHE_BUDGET_BYTES_MIN = 1024 * 1024;
/** Typed arrays of 32-bit elements keep small-integer indices up to here. */
export const CACHE_BUDGET_BYTES_MAX = 3584 * 1024 * 1024;

/** Slots of a bucket; two times that many words are one cache line. */
export const BUCKET_SLOTS = 8;
export const BUCKET_WORDS = 16;
/** One index slot for so many bytes of budget: a small denial takes 144 bytes of data. */
const BYTES_PER_SLOT = 112;
export const GHOST_BUCKET_WORDS = 8;
export const GHOSTS_PER_BUCKET = 16;
/** Remembered keys for each index slot. */
const GHOSTS_PER_SLOT = 0.75;
/** Share of the data that is on probation (S3-FIFO: 10 %). */
const SMALL_SHARE = 0.1;

// Words of the header. Groups that different threads write have a cache line of their own.
const MAGIC = 0;
const BUDGET_UNITS = 1;
const BUCKETS_AT = 2;
const BUCKET_COUNT = 3;
const GHOSTS_AT = 4;
const GHOST_BUCKET_COUNT = 5;
/** 0 when free, else who holds it and how often it was taken, see lock.ts. */
export const LOCK = 16;
/** Stores that were given up because of the lock; the one counter written without it. */
export const BUSY_COUNT = 32;
/** Writes so far, modulo 2^32: the source of ENTRY_SEQUENCE. */
export const SEQUENCE = 48;
/** The clock of the last store, seconds. */
export const NOW_SEC = 49;
/** Entries held, and the units that they take. */
export const ENTRIES = 50;
export const LIVE_UNITS = 51;
/** How much of what passes the main ring's tail is expired or dead, see writer.ts. */
export const WASTE = 52;
export const SMALL_RING = 64;
export const MAIN_RING = 80;
/** Counters are 64-bit floats: exact up to 2^53, and read without tearing. */
const COUNTERS_AT = 96;
const HEADER_WORDS = 512;

/** Counters, as indices of `CacheMemory.counters`. */
export const COUNT_STORED = 0;
/** Stored over an entry with the same key; counted in COUNT_STORED too. */
export const COUNT_REPLACED = 1;
/** Left after its time was over. */
export const COUNT_EXPIRED = 2;
/** Left while still good, for want of bytes. */
export const COUNT_EVICTED = 3;
/** Left while still good, because its view and class was full. */
export const COUNT_EVICTED_CAPACITY = 4;
/** Left while still good, because both its buckets were full. */
export const COUNT_EVICTED_BUCKET = 5;
/** Left with its view, or because what is true now is not to be kept. */
export const COUNT_FORGOTTEN = 6;
/** Not stored: too large for this budget. */
export const COUNT_TOO_LARGE = 7;
/** Not stored: a failure does not replace a good answer. */
export const COUNT_KEPT = 8;
/** Stored in the main ring at once because the key was remembered. */
export const COUNT_READMITTED = 9;
/** Copied from the small to the main ring. */
export const COUNT_PROMOTED = 10;
/** Copied from the tail of the main ring to its head. */
export const COUNT_REINSERTED = 11;
/** The lock was taken from a thread that died with it; the cache began again, empty. */
export const COUNT_STOLEN = 12;
export const COUNTERS = 16;

/** Words of a view and class in the table of views; see lists.ts. */
export const LIST_WORDS = 8;
export const LISTS_PER_VIEW = 2;
/** Word of a list, even, at which a double counts evictions. */
const LIST_EVICTIONS = 6;
export const VIEWS_AT = HEADER_WORDS;
const VIEWS_WORDS = VIEWS_MAX * LISTS_PER_VIEW * LIST_WORDS;

/** Words of a ring's header; see rings.ts. */
export const RING_START = 0;
export const RING_END = 1;
export const RING_HEAD = 2;
export const RING_TAIL = 3;
export const RING_LIMIT = 4;
export const RING_WRAPPED = 5;

const MAGIC_VALUE = 0x6e64_6301;
const LINE_BYTES = 64;
/**
 * Large memory begins 16 bytes behind a cache line in both runtimes (what malloc puts before it),
 * so buckets begin 48 bytes on: each is one line and not two halves.
 */
const LINE_SHIFT_WORDS = 12;

/**
 * Takes memory for a cache of at most `budgetBytes` and writes its map.
 *
 * @param budgetBytes CACHE_BUDGET_BYTES_MIN to CACHE_BUDGET_BYTES_MAX. The pages are the kernel's
 * until they are first written, so an empty cache costs little.
 * @throws {RangeError} when the budget is outside.
 */
export function cacheMemory(budgetBytes: number): SharedArrayBuffer {
  if (!(budgetBytes >= CACHE_BUDGET_BYTES_MIN && budgetBytes <= CACHE_BUDGET_BYTES_MAX)) {
    throw new RangeError(
      `Cannot create a cache: the budget must be ${CACHE_BUDGET_BYTES_MIN} to ` +
        `${CACHE_BUDGET_BYTES_MAX} bytes: current value is ${budgetBytes}`,
    );
  }
  const lineCount = Math.floor(budgetBytes / LINE_BYTES);
  const memory = new SharedArrayBuffer(lineCount * LINE_BYTES);
  const words = new Int32Array(memory);
  const bucketCount = Math.floor(budgetBytes / (BYTES_PER_SLOT * BUCKET_SLOTS));
  // Even, so that what follows is at a cache line again.
  const ghosts = Math.floor((bucketCount * BUCKET_SLOTS * GHOSTS_PER_SLOT) / GHOSTS_PER_BUCKET);
  const ghostBucketCount = ghosts & ~1;
  const bucketsAt = VIEWS_AT + VIEWS_WORDS + LINE_SHIFT_WORDS;
  const ghostsAt = bucketsAt + bucketCount * BUCKET_WORDS;
  const dataAt = ghostsAt + ghostBucketCount * GHOST_BUCKET_WORDS;
  words[BUDGET_UNITS] = memory.byteLength / UNIT_BYTES;
  words[BUCKETS_AT] = bucketsAt;
  words[BUCKET_COUNT] = bucketCount;
  words[GHOSTS_AT] = ghostsAt;
  words[GHOST_BUCKET_COUNT] = ghostBucketCount;
  const dataUnits = dataAt >>> 2;
  const smallUnits = Math.floor((words[BUDGET_UNITS] - dataUnits) * SMALL_SHARE);
  writeRing(words, SMALL_RING, dataUnits, dataUnits + smallUnits);
  writeRing(words, MAIN_RING, dataUnits + smallUnits, words[BUDGET_UNITS]);
  words[MAGIC] = MAGIC_VALUE;
  return memory;
}

/** Empties the cache: nothing is found any more. Settings of views and counters stay. */
export function resetMemory(words: Int32Array): void {
  const bucketsAt = words[BUCKETS_AT];
  const dataAt = words[GHOSTS_AT] + words[GHOST_BUCKET_COUNT] * GHOST_BUCKET_WORDS;
  words.fill(0, bucketsAt, dataAt);
  for (let list = VIEWS_AT; list < VIEWS_AT + VIEWS_WORDS; list += LIST_WORDS) {
    words[list] = 0;
    words.fill(0, list + 2, list + 4);
  }
  writeRing(words, SMALL_RING, words[SMALL_RING + RING_START], words[SMALL_RING + RING_END]);
  writeRing(words, MAIN_RING, words[MAIN_RING + RING_START], words[MAIN_RING + RING_END]);
  words[ENTRIES] = 0;
  words[LIVE_UNITS] = 0;
  // Also makes all of the above visible before what is stored next.
  Atomics.store(words, SEQUENCE, words[SEQUENCE] + 1);
}

/** Index in `CacheMemory.lists` of the evictions of the list `words` words behind VIEWS_AT. */
export function evictionsAt(words: number): number {
  return (words + LIST_EVICTIONS) >>> 1;
}

/** An empty ring over the units from `start` up to `end`. */
export function writeRing(words: Int32Array, ring: number, start: number, end: number): void {
  words[ring + RING_START] = start;
  words[ring + RING_END] = end;
  words[ring + RING_HEAD] = start;
  words[ring + RING_TAIL] = start;
  words[ring + RING_LIMIT] = end;
  words[ring + RING_WRAPPED] = 0;
}

/** One thread's view of the cache's memory. */
export class CacheMemory {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** Indexed by COUNT_…; written by whoever holds the lock. */
  readonly counters: Float64Array;
  /** Lists as doubles: what was evicted of each, see lists.ts. */
  readonly lists: Float64Array;
  /** First word of the buckets, and how many there are. */
  readonly bucketsAt: number;
  readonly bucketCount: number;
  readonly ghostsAt: number;
  readonly ghostBucketCount: number;
  /** An entry of more units than this is not stored. */
  readonly unitsMax: number;
  /** An entry of more units than this goes straight to the main ring. */
  readonly smallUnitsMax: number;

  /** @throws {TypeError} when `buffer` was not made by `cacheMemory()`. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.view = new DataView(buffer);
    if (this.words[MAGIC] !== MAGIC_VALUE) {
      throw new TypeError("Cannot open a cache: the memory is not that of a cache");
    }
    this.counters = new Float64Array(buffer, COUNTERS_AT * 4, COUNTERS);
    this.lists = new Float64Array(buffer, VIEWS_AT * 4, VIEWS_WORDS / 2);
    this.bucketsAt = this.words[BUCKETS_AT];
    this.bucketCount = this.words[BUCKET_COUNT];
    this.ghostsAt = this.words[GHOSTS_AT];
    this.ghostBucketCount = this.words[GHOST_BUCKET_COUNT];
    const small = this.words[SMALL_RING + RING_END] - this.words[SMALL_RING + RING_START];
    const main = this.words[MAIN_RING + RING_END] - this.words[MAIN_RING + RING_START];
    // A message of 65,535 bytes still fits a cache of 1 MiB, and no entry is half of a ring.
    this.unitsMax = Math.min(main >>> 3, 0xffff);
    this.smallUnitsMax = small >>> 3;
  }

  /** Entries held in all, expired ones included. */
  get entries(): number {
    return this.words[ENTRIES];
  }

  /** Bytes allocated to them. */
  get liveBytes(): number {
    return this.words[LIVE_UNITS] * UNIT_BYTES;
  }

  /** Stores given up because another thread held the lock. */
  get busyCount(): number {
    return this.words[BUSY_COUNT];
  }

  /** Entries held of one view and class: LIST_SUCCESS or LIST_DENIAL of lists.ts. */
  entriesOf(view: number, which: number): number {
    return this.words[VIEWS_AT + (view * LISTS_PER_VIEW + which) * LIST_WORDS];
  }

  /** Entries of one view and class that left while they were still good. */
  evictionsOf(view: number, which: number): number {
    return this.lists[evictionsAt((view * LISTS_PER_VIEW + which) * LIST_WORDS)];
  }
}

// Hot path.
/**
 * The cache: answers as wire bytes in one shared memory, found without a lock, stored with one.
 *
 * Every thread has a `Cache` of its own over the same memory. A reader calls `find()`, copies the
 * bytes it wants straight out of `bytes`, `words` and `view`, and then asks `isStill()` whether they
 * were whole. Never fetches, never looks at a clock: time is an argument, in seconds of any clock
 * that does not go back and is the same in all threads.
 *
 * Why a reader needs no lock (shared mode). A writer clears the slot of an entry before it writes
 * over the entry's bytes, and sets it last, with another generation and sequence. A reader that saw
 * one byte of the overwriting therefore finds the slot cleared or changed when it looks again after
 * its copy. The look must not happen before the copy: see `isStill()`.
 */
import { firstBucket, NO_SLOT, secondBucket, UNITS_MASK, USES_MASK, USES_ONE } from "./buckets.ts";
import {
  ENTRY_COUNTS,
  ENTRY_EXPIRES_AT,
  ENTRY_HASH,
  ENTRY_HEADER_BYTES,
  ENTRY_NAME_WORDS,
  ENTRY_OWNER,
  ENTRY_QUESTION,
  ENTRY_SEQUENCE,
  ENTRY_SIZES,
  ENTRY_STORED_AT,
  entryExpiresAtSec,
  entryHasKey,
  entryKind,
  entryUnits,
  entryWords,
  KIND_SERVFAIL,
  keyHash,
  neededWords,
  ownerWord,
  questionWord,
  unitsOfWords,
} from "./entry.ts";
import {
  LIST_CAPACITY,
  LIST_COUNT,
  LIST_DENIAL,
  LIST_OLDEST,
  LIST_SUCCESS,
  listOf,
} from "./lists.ts";
import { LOCK_BUSY, LOCK_STOLEN, WriterLock } from "./lock.ts";
import {
  BUCKET_SLOTS,
  BUSY_COUNT,
  CacheMemory,
  COUNT_FORGOTTEN,
  COUNT_KEPT,
  COUNT_REPLACED,
  COUNT_STOLEN,
  COUNT_TOO_LARGE,
  cacheMemory,
  ENTRIES,
  LIVE_UNITS,
  resetMemory,
} from "./memory.ts";
import { Writer } from "./writer.ts";

/** No entry: byte 0 is in the header of the memory. */
export const NOT_CACHED = 0;

/** A new entry. */
export const STORED = 0;
/** In place of an older answer to the same question. */
export const REPLACED = 1;
/** Not stored: larger than an eighth of the main ring. */
export const TOO_LARGE = 2;
/** Not stored: another thread holds the lock. */
export const BUSY = 3;
/** Not stored: a failure does not replace an answer that is still good. */
export const KEPT = 4;

/** How many entries a view may hold; 0 is as many as the budget allows. */
export interface ViewCapacity {
  /** 0 to VIEWS_MAX - 1. */
  readonly view: number;
  readonly successCapacity: number;
  readonly denialCapacity: number;
}

export interface CacheOptions {
  /** Several threads use the memory. When false, no atomic operation is on the way of a hit. */
  readonly shared: boolean;
  /** This thread's number, 1 to 127, different from all others'. @default {1} */
  readonly worker?: number;
}

/** Capacities of both classes are brought down by so many entries in one call at most. */
const TRIMMED_PER_CALL_MAX = 4096;
/** A thread's word for the barrier of `isStill()`, on a cache line of its own. */
const FENCE_BYTES = 64;

export class Cache {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  readonly memory: CacheMemory;

  // What the last find() found. Borrowed: until the next find() or store() of this object.
  /** Bytes from the start of `bytes`. */
  messageOffset = 0;
  messageLength = 0;
  /** Bytes from the start of `bytes`; `ttlCount` numbers of 16 bits in host order. */
  ttlsOffset = 0;
  ttlCount = 0;
  storedAtSec = 0;
  expiresAtSec = 0;
  /** KIND_SUCCESS, KIND_DENIAL or KIND_SERVFAIL. */
  kind = 0;

  readonly #shared: boolean;
  readonly #bucketsAt: number;
  readonly #bucketCount: number;
  readonly #writer: Writer;
  readonly #lock: WriterLock;
  readonly #fence: Int32Array;
  #foundSlot = NO_SLOT;
  #foundLocation = 0;
  #foundSequence = 0;

  /**
   * Memory for a cache, see `cacheMemory()`.
   *
   * @param budgetBytes 1 MiB to 3.5 GiB; index, counters and entries all fit in it.
   * @throws {RangeError} when the budget is outside.
   */
  static memoryFor(budgetBytes: number): SharedArrayBuffer {
    return cacheMemory(budgetBytes);
  }

  /** @throws {TypeError | RangeError} for memory that is not a cache's, or a worker out of range. */
  constructor(buffer: SharedArrayBuffer, options: CacheOptions) {
    const memory = new CacheMemory(buffer);
    this.memory = memory;
    this.bytes = memory.bytes;
    this.words = memory.words;
    this.view = memory.view;
    this.#shared = options.shared;
    this.#bucketsAt = memory.bucketsAt;
    this.#bucketCount = memory.bucketCount;
    this.#writer = new Writer(memory, options.shared);
    this.#lock = new WriterLock(memory.words, options.worker ?? 1);
    this.#fence = new Int32Array(new SharedArrayBuffer(FENCE_BYTES));
  }

  /**
   * Finds the answer to a question, marks it used, and describes it in this object's fields.
   *
   * Expired answers are found too: compare `expiresAtSec`.
   *
   * @param name folded wire name, `nameLength` bytes, padded with zeros to a whole word.
   * @param nameHash seeded hash of that name.
   * @param variant bits VARIANT_….
   * @returns the entry's offset in bytes, or NOT_CACHED.
   */
  find(
    name: Int32Array,
    nameLength: number,
    nameHash: number,
    type: number,
    dnsClass: number,
    variant: number,
    view: number,
  ): number {
    const hash = keyHash(nameHash, type, dnsClass, variant, view);
    const question = questionWord(type, dnsClass);
    const slot = this.#seek(hash, question, ownerWord(view, variant), name, 0, nameLength);
    if (slot === NO_SLOT) return NOT_CACHED;
    const words = this.words;
    let location = this.#foundLocation;
    const at = (location & UNITS_MASK) << 2;
    if ((location & USES_MASK) !== USES_MASK) {
      // Raised only up to 3, so that a popular name's line stays clean in every core's cache.
      if (this.#shared) Atomics.compareExchange(words, slot, location, location + USES_ONE);
      else words[slot] = location + USES_ONE;
      location += USES_ONE;
    }
    this.#foundSlot = slot;
    this.#foundLocation = location;
    this.#foundSequence = words[at + ENTRY_SEQUENCE];
    const sizes = words[at + ENTRY_SIZES];
    const ttlCount = words[at + ENTRY_COUNTS] & 0xffff;
    const messageLength = sizes >>> 16;
    // Only another thread's half-written entry can be so; nobody must read beyond the memory for it.
    if (this.#shared && !this.#isPlausible(at, sizes & 0xffff, messageLength, ttlCount)) {
      return NOT_CACHED;
    }
    const entry = at * 4;
    this.messageLength = messageLength;
    this.messageOffset = entry + ENTRY_HEADER_BYTES;
    this.ttlsOffset = entry + ENTRY_HEADER_BYTES + ((messageLength + 3) & ~3);
    this.ttlCount = ttlCount;
    this.storedAtSec = words[at + ENTRY_STORED_AT];
    this.expiresAtSec = words[at + ENTRY_EXPIRES_AT];
    this.kind = words[at + ENTRY_OWNER] >>> 24;
    return entry;
  }

  /**
   * Whether everything copied from the entry since the last `find()`, which found it, was whole.
   *
   * The look at the slot must come after the copy on every machine. JavaScript has no fence, but
   * loads stay before a store-release that follows them, and a load-acquire stays after a
   * store-release that precedes it (on arm64 STLR and LDAR; on x86-64 loads are in order anyway). A
   * read-modify-write of a word of our own would not do on cores that make it of two instructions.
   */
  isStill(entry: number): boolean {
    if (!this.#shared) return true;
    Atomics.store(this.#fence, 0, 0);
    const location = Atomics.load(this.words, this.#foundSlot);
    if (((location ^ this.#foundLocation) & ~USES_MASK) !== 0) return false;
    return this.words[(entry >>> 2) + ENTRY_SEQUENCE] === this.#foundSequence;
  }

  /**
   * Stores the entry image at word `from` of `image`, as `buildEntry()` left it.
   *
   * @param nowSec on the clock of the image.
   * @returns STORED, REPLACED, or why not: TOO_LARGE, BUSY, KEPT.
   */
  store(image: Int32Array, from: number, nowSec: number): number {
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
   * @returns false when there is more to do, because another thread held the lock or so many entries
   * are above the new capacity: call again.
   */
  setViews(views: readonly ViewCapacity[], nowSec: number): boolean {
    if (!this.#take(nowSec)) return false;
    let left = TRIMMED_PER_CALL_MAX;
    for (let i = 0; i < views.length; i++) {
      const view = views[i].view;
      left = this.#setCapacity(listOf(view, LIST_SUCCESS), views[i].successCapacity, left);
      left = this.#setCapacity(listOf(view, LIST_DENIAL), views[i].denialCapacity, left);
    }
    this.#giveBack();
    return left > 0;
  }

  /**
   * Removes the entries of a view that is no longer; a few thousand in one call.
   *
   * @returns how many are left: its number must not be given to another view before that is 0.
   */
  forgetView(view: number, nowSec: number): number {
    const success = listOf(view, LIST_SUCCESS);
    const denial = listOf(view, LIST_DENIAL);
    if (this.#take(nowSec)) {
      this.words[success + LIST_CAPACITY] = 0;
      this.words[denial + LIST_CAPACITY] = 0;
      const left = this.#forget(success, TRIMMED_PER_CALL_MAX);
      this.#forget(denial, left);
      this.#giveBack();
    }
    return this.words[success + LIST_COUNT] + this.words[denial + LIST_COUNT];
  }

  /** Entries held of one view and class: LIST_SUCCESS or LIST_DENIAL. */
  entriesOf(view: number, list: number): number {
    return this.words[listOf(view, list) + LIST_COUNT];
  }

  /** Entries held in all. */
  get entries(): number {
    return this.words[ENTRIES];
  }

  /** Bytes allocated to entries that can be found. */
  get liveBytes(): number {
    return this.words[LIVE_UNITS] * 16;
  }

  /** A counter: COUNT_…. */
  count(counter: number): number {
    return this.memory.counters[counter];
  }

  /** Stores given up because another thread held the lock. */
  get busyCount(): number {
    return this.words[BUSY_COUNT];
  }

  /** The slot whose entry has the key, or NO_SLOT. Sets #foundLocation. */
  #seek(
    hash: number,
    question: number,
    owner: number,
    name: Int32Array,
    nameAt: number,
    nameLength: number,
  ): number {
    const words = this.words;
    let bucket = this.#bucketsAt + firstBucket(hash, this.#bucketCount);
    for (let turn = 0; turn < 2; turn++) {
      for (let i = bucket; i < bucket + BUCKET_SLOTS; i++) {
        if (words[i] !== hash) continue;
        const location = words[i + BUCKET_SLOTS];
        if (location === 0) continue;
        const at = (location & UNITS_MASK) << 2;
        if (!entryHasKey(words, at, hash, question, owner, name, nameAt, nameLength)) continue;
        this.#foundLocation = location;
        return i + BUCKET_SLOTS;
      }
      bucket = this.#bucketsAt + secondBucket(hash, this.#bucketCount);
    }
    return NO_SLOT;
  }

  #isPlausible(at: number, units: number, messageLength: number, ttlCount: number): boolean {
    if (neededWords(messageLength, ttlCount) > units * 4) return false;
    return at + units * 4 <= this.words.length;
  }

  #put(image: Int32Array, from: number, nowSec: number): number {
    const words = this.words;
    const slot = this.#seek(
      image[from + ENTRY_HASH],
      image[from + ENTRY_QUESTION],
      image[from + ENTRY_OWNER] & 0x00ff_ffff,
      image,
      from + ENTRY_NAME_WORDS,
      image[from + ENTRY_COUNTS] >>> 16,
    );
    if (slot === NO_SLOT) {
      this.#writer.insert(image, from, 0);
      return STORED;
    }
    const at = (words[slot] & UNITS_MASK) << 2;
    const good = ((entryExpiresAtSec(words, at) - nowSec) | 0) > 0;
    if (
      good &&
      entryKind(image, from) === KIND_SERVFAIL &&
      entryKind(words, at) !== KIND_SERVFAIL
    ) {
      // RFC 9520 §3.2 caches failures; it does not let them drive out what is known.
      this.memory.counters[COUNT_KEPT]++;
      return KEPT;
    }
    if (unitsOfWords(entryWords(image, from)) <= entryUnits(words, at)) {
      this.#writer.overwrite(image, from, slot);
      return REPLACED;
    }
    const uses = words[slot] & USES_MASK;
    this.#writer.remove(slot, COUNT_REPLACED);
    this.#writer.insert(image, from, uses);
    return REPLACED;
  }

  #setCapacity(list: number, capacity: number, leftMax: number): number {
    this.words[list + LIST_CAPACITY] = capacity;
    let left = leftMax;
    while (capacity > 0 && left > 0 && this.words[list + LIST_COUNT] > capacity) {
      this.#writer.trimList(list);
      left--;
    }
    return left;
  }

  #forget(list: number, leftMax: number): number {
    let left = leftMax;
    while (left > 0 && this.words[list + LIST_OLDEST] !== 0) {
      this.#writer.removeOldest(list, COUNT_FORGOTTEN);
      left--;
    }
    return left;
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

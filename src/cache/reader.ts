// Hot path.
/**
 * The reading half of the cache: finds an answer without a lock, whatever writers do meanwhile.
 *
 * A reader calls `find()`, copies the bytes it wants straight out of `bytes`, `words` and `view`,
 * and then asks `isStill()` whether they were whole. Until then they may be those of another
 * answer, or of half of two: lengths and offsets that `find()` gave stay within the memory, but a
 * TTL offset read from the list must be compared with the length of the message before it is used.
 *
 * Why this needs no lock (shared mode). A writer clears the slot of an entry before it writes over
 * the entry's bytes, and sets it last, with another generation and sequence. A reader that saw one
 * byte of the overwriting therefore finds the slot cleared or changed when it looks again after its
 * copy. The look must not happen before the copy: see `isStill()`.
 */
import { firstBucket, NO_SLOT, secondBucket, UNITS_MASK, USES_MASK, USES_ONE } from "./buckets.ts";
import {
  ENTRY_SEQUENCE,
  entryExpiresAtSec,
  entryHasKey,
  entryKind,
  entryMessageLength,
  entryMessageOffset,
  entryStoredAtSec,
  entryTtlCount,
  entryTtlsOffset,
  entryUnits,
  keyHash,
  neededWords,
  ownerWord,
  questionWord,
  UNIT_WORDS,
} from "./entry.ts";
import { BUCKET_SLOTS, CacheMemory } from "./memory.ts";

/** No entry: byte 0 is in the header of the memory. */
export const NOT_CACHED = 0;

const WORD_BYTES = 4;
/** A thread's word for the barrier of `isStill()`, on a cache line of its own. */
const FENCE_BYTES = 64;

/** A word of the shortest entry that is most often in the cache line behind its first one. */
const SECOND_LINE = 14;

export class CacheReader {
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

  /** Location of the slot that seek() found. */
  protected foundLocation = 0;
  /** The slot that the last find() found. */
  protected foundSlot = NO_SLOT;
  readonly #shared: boolean;
  readonly #bucketsAt: number;
  readonly #bucketCount: number;
  readonly #fence: Int32Array;
  #foundLocation = 0;
  #foundSequence = 0;

  /**
   * @param shared whether other threads write; when false, no atomic operation is on a hit's way.
   * @throws {TypeError} for memory that is not a cache's.
   */
  constructor(buffer: SharedArrayBuffer, shared: boolean) {
    const memory = new CacheMemory(buffer);
    this.memory = memory;
    this.bytes = memory.bytes;
    this.words = memory.words;
    this.view = memory.view;
    this.#shared = shared;
    this.#bucketsAt = memory.bucketsAt;
    this.#bucketCount = memory.bucketCount;
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
    const slot = this.seek(hash, question, ownerWord(view, variant), name, 0, nameLength);
    if (slot === NO_SLOT) return NOT_CACHED;
    const words = this.words;
    let location = this.foundLocation;
    const at = (location & UNITS_MASK) << 2;
    if ((location & USES_MASK) !== USES_MASK) {
      // Raised only up to 3, so that a popular name's line stays clean in every core's cache.
      if (this.#shared) Atomics.compareExchange(words, slot, location, location + USES_ONE);
      else words[slot] = location + USES_ONE;
      location += USES_ONE;
    }
    this.foundSlot = slot;
    this.#foundLocation = location;
    this.#foundSequence = words[at + ENTRY_SEQUENCE];
    const ttlCount = entryTtlCount(words, at);
    const messageLength = entryMessageLength(words, at);
    // Only another thread's half-written entry can be so; nobody must read beyond the memory for
    // it.
    if (this.#shared && !this.#isPlausible(at, messageLength, ttlCount)) return NOT_CACHED;
    const entry = at * WORD_BYTES;
    this.messageLength = messageLength;
    this.messageOffset = entryMessageOffset(entry);
    this.ttlsOffset = entryTtlsOffset(entry, messageLength);
    this.ttlCount = ttlCount;
    this.storedAtSec = entryStoredAtSec(words, at);
    this.expiresAtSec = entryExpiresAtSec(words, at);
    this.kind = entryKind(words, at);
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
    const location = Atomics.load(this.words, this.foundSlot);
    if (((location ^ this.#foundLocation) & ~USES_MASK) !== 0) return false;
    return this.words[(entry >>> 2) + ENTRY_SEQUENCE] === this.#foundSequence;
  }

  /** Whether `slot`, in which the last `find()` found something, has it still. Under the lock. */
  protected isFound(slot: number): boolean {
    const location = this.words[slot];
    if (((location ^ this.#foundLocation) & ~USES_MASK) !== 0) return false;
    return this.words[((location & UNITS_MASK) << 2) + ENTRY_SEQUENCE] === this.#foundSequence;
  }

  /** Word at which the first bucket of `hash` begins. */
  bucketOf(hash: number): number {
    return this.#bucketsAt + firstBucket(hash, this.#bucketCount);
  }

  /** Reads a word of the first bucket of `hash`: with many in flight, memory is waited for once. */
  touchBucket(hash: number): number {
    return this.words[this.bucketOf(hash)];
  }

  /** Reads a word of each line of the entry that the first bucket has for `hash`, if any. */
  touchEntry(hash: number): number {
    const words = this.words;
    const bucket = this.bucketOf(hash);
    for (let i = bucket; i < bucket + BUCKET_SLOTS; i++) {
      if (words[i] !== hash) continue;
      const at = (words[i + BUCKET_SLOTS] & UNITS_MASK) << 2;
      return words[at] + words[at + SECOND_LINE];
    }
    return 0;
  }

  /** The slot whose entry has the key, or NO_SLOT. Sets `foundLocation`. */
  protected seek(
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
        this.foundLocation = location;
        return i + BUCKET_SLOTS;
      }
      bucket = this.#bucketsAt + secondBucket(hash, this.#bucketCount);
    }
    return NO_SLOT;
  }

  /** Whether an entry of these sizes is within what is allocated for it, and that in the memory. */
  #isPlausible(at: number, messageLength: number, ttlCount: number): boolean {
    const allocated = entryUnits(this.words, at) * UNIT_WORDS;
    if (neededWords(messageLength, ttlCount) > allocated) return false;
    return at + allocated <= this.words.length;
  }
}

// Hot path.
/**
 * Stores entries and decides which ones leave: S3-FIFO over bytes.
 *
 * A new entry goes to the small ring. At its tail, one that was hit at least twice is copied to the
 * main ring, any other leaves and only its fingerprint is remembered: if it is asked for again soon,
 * it goes straight to the main ring. At the tail of the main ring, one that was hit since it last
 * passed there is copied to the head with one hit less, any other leaves. Expired entries leave
 * whatever their hits. So names that are asked for once pass through a tenth of the memory.
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
  USES_ONE,
} from "./buckets.ts";
import {
  ENTRY_EXPIRES_AT,
  ENTRY_HASH,
  ENTRY_NEWER,
  ENTRY_OLDER,
  ENTRY_SEQUENCE,
  ENTRY_SIZES,
  entryKind,
  entryUnits,
  entryWords,
  KIND_DEAD,
  killEntry,
  unitsOfWords,
} from "./entry.ts";
import { forgetGhost, rememberGhost } from "./ghosts.ts";
import {
  LIST_CAPACITY,
  LIST_COUNT,
  LIST_OLDEST,
  linkEntry,
  listOfEntry,
  relinkEntry,
  unlinkEntry,
} from "./lists.ts";
import {
  BUCKET_SLOTS,
  type CacheMemory,
  COUNT_EVICTED,
  COUNT_EVICTED_BUCKET,
  COUNT_EVICTED_CAPACITY,
  COUNT_EXPIRED,
  COUNT_PROMOTED,
  COUNT_READMITTED,
  COUNT_REINSERTED,
  COUNT_REPLACED,
  COUNT_STORED,
  ENTRIES,
  LIVE_UNITS,
  LOCK,
  MAIN_RING,
  NOW_SEC,
  SEQUENCE,
  SMALL_RING,
} from "./memory.ts";
import {
  giveBackToRing,
  NO_ROOM,
  ringHolds,
  ringIsEmpty,
  ringTail,
  ringUnits,
  roomInRing,
  takeFromRing,
} from "./rings.ts";

/** Hits with which an entry leaves the small ring for the main one. */
const PROMOTION_USES = 2 * USES_ONE;
/** Entries that one store may copy from the tail of the main ring to its head: about 20 µs. */
const REINSERTIONS_MAX = 128;
/** Entries that one store may spare, because they were hit, when a class is full. */
const SPARED_MAX = 16;
/** Entries of a full class that one store removes: more than one only after its capacity shrank. */
const TRIMMED_MAX = 8;
/** Useless entries at the main ring's tail that are given back before an admission is refused. */
const RECLAIMED_MAX = 8;
/** Room in the main ring, as a part of it (1 in 2^5), above which entries need no hits to go there. */
const SPARE_ROOM_SHIFT = 5;

export class Writer {
  readonly #memory: CacheMemory;
  readonly #words: Int32Array;
  readonly #shared: boolean;
  #nowSec = 0;
  #reinsertions = 0;

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

  /** Stores a new entry; there must be none with its key. `uses` is as in a location. */
  insert(image: Int32Array, from: number, uses: number): void {
    const words = this.#words;
    const memory = this.#memory;
    const hash = image[from + ENTRY_HASH];
    const units = unitsOfWords(entryWords(image, from));
    const known = forgetGhost(words, memory.ghostsAt, memory.ghostBucketCount, hash);
    if (known) memory.counters[COUNT_READMITTED]++;
    const toMain = known || uses > 0 || units > memory.smallUnitsMax;
    this.#reinsertions = 0;
    this.makeRoomInList(listOfEntry(image, from));
    const unit = this.#takeRoom(toMain ? MAIN_RING : SMALL_RING, units);
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

  /** Writes a new answer over the one of `slot`, which has the same key and is large enough. */
  overwrite(image: Int32Array, from: number, slot: number): void {
    const words = this.#words;
    const location = words[slot];
    const at = (location & UNITS_MASK) << 2;
    const units = entryUnits(words, at);
    const listBefore = listOfEntry(words, at);
    const listAfter = listOfEntry(image, from);
    if (listBefore !== listAfter) {
      unlinkEntry(words, listBefore, at);
      this.makeRoomInList(listAfter);
    }
    const older = words[at + ENTRY_OLDER];
    const newer = words[at + ENTRY_NEWER];
    this.#writeSlot(slot, 0);
    this.#settle();
    this.#copyImage(image, from, at, units);
    words[at + ENTRY_OLDER] = older;
    words[at + ENTRY_NEWER] = newer;
    if (listBefore !== listAfter) linkEntry(words, listAfter, at);
    this.#setSlot(slot, location & (UNITS_MASK | USES_MASK));
    this.#memory.counters[COUNT_REPLACED]++;
    this.#observe(COUNT_STORED, at);
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

  /** Removes entries of `list` until one more is within its capacity: expired and unused ones first. */
  makeRoomInList(list: number): void {
    const words = this.#words;
    const capacity = words[list + LIST_CAPACITY];
    if (capacity === 0) return;
    for (let i = 0; i < TRIMMED_MAX && words[list + LIST_COUNT] >= capacity; i++) {
      this.trimList(list);
    }
  }

  /** Removes one entry of `list`, which has some: the oldest that is expired or was not hit lately. */
  trimList(list: number): void {
    const words = this.#words;
    for (let spared = 0; ; spared++) {
      const at = words[list + LIST_OLDEST] << 2;
      const slot = this.#slotOf(at);
      const uses = words[slot] & USES_MASK;
      const expired = this.#isExpired(at);
      if (expired || uses === 0 || spared === SPARED_MAX) {
        this.remove(slot, expired ? COUNT_EXPIRED : COUNT_EVICTED_CAPACITY);
        return;
      }
      this.#setUses(slot, uses - USES_ONE);
      unlinkEntry(words, list, at);
      linkEntry(words, list, at);
    }
  }

  /** Removes the oldest entry of `list`, which has one. */
  removeOldest(list: number, moment: number): void {
    this.remove(this.#slotOf(this.#words[list + LIST_OLDEST] << 2), moment);
  }

  /** Takes `units` of a ring, moving its tail as far as it takes. */
  #takeRoom(ring: number, units: number): number {
    for (;;) {
      const unit = takeFromRing(this.#words, ring, units);
      if (unit !== NO_ROOM) return unit;
      if (ring === MAIN_RING) this.#passMainTail();
      else this.#passSmallTail();
    }
  }

  #passSmallTail(): void {
    const words = this.#words;
    const memory = this.#memory;
    const at = ringTail(words, SMALL_RING) << 2;
    const units = entryUnits(words, at);
    if (entryKind(words, at) !== KIND_DEAD) {
      const slot = this.#slotOf(at);
      if (this.#isExpired(at)) {
        this.remove(slot, COUNT_EXPIRED);
      } else if ((words[slot] & USES_MASK) >= PROMOTION_USES || this.#mainHasSpareRoom()) {
        const needed = unitsOfWords(entryWords(words, at));
        this.#move(slot, at, this.#takeRoom(MAIN_RING, needed), needed, 0);
        memory.counters[COUNT_PROMOTED]++;
      } else {
        const hash = words[at + ENTRY_HASH];
        rememberGhost(words, memory.ghostsAt, memory.ghostBucketCount, hash);
        this.remove(slot, COUNT_EVICTED);
      }
    }
    giveBackToRing(words, SMALL_RING, units);
  }

  #passMainTail(): void {
    const words = this.#words;
    const at = ringTail(words, MAIN_RING) << 2;
    const units = entryUnits(words, at);
    giveBackToRing(words, MAIN_RING, units);
    if (entryKind(words, at) === KIND_DEAD) return;
    const slot = this.#slotOf(at);
    const uses = words[slot] & USES_MASK;
    if (this.#isExpired(at)) {
      this.remove(slot, COUNT_EXPIRED);
    } else if (uses === 0 || this.#reinsertions >= REINSERTIONS_MAX) {
      this.remove(slot, COUNT_EVICTED);
    } else {
      this.#reinsertions++;
      // There is room: what was just given back is in one piece with the room at the head.
      const needed = unitsOfWords(entryWords(words, at));
      this.#move(slot, at, takeFromRing(words, MAIN_RING, needed), needed, uses - USES_ONE);
      this.#memory.counters[COUNT_REINSERTED]++;
    }
  }

  /** Whether the main ring is not full yet, or has become so empty that nobody needs to prove himself. */
  #mainHasSpareRoom(): boolean {
    const words = this.#words;
    for (let i = 0; i < RECLAIMED_MAX && !ringIsEmpty(words, MAIN_RING); i++) {
      const at = ringTail(words, MAIN_RING) << 2;
      const dead = entryKind(words, at) === KIND_DEAD;
      if (!dead && !this.#isExpired(at)) break;
      const units = entryUnits(words, at);
      if (!dead) this.remove(this.#slotOf(at), COUNT_EXPIRED);
      giveBackToRing(words, MAIN_RING, units);
    }
    return roomInRing(words, MAIN_RING) > ringUnits(words, MAIN_RING) >>> SPARE_ROOM_SHIFT;
  }

  /** Copies the entry at word `at` to `unit`, which is below it or far from it, and points `slot` there. */
  #move(slot: number, at: number, unit: number, units: number, uses: number): void {
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
    // Both full, as happens to one store in 20 when the index is full to 5/6: make room as in cuckoo
    // hashing, but one step only.
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
    const expired = this.#isExpired((words[slot] & UNITS_MASK) << 2);
    this.remove(slot, expired ? COUNT_EXPIRED : COUNT_EVICTED_BUCKET);
    return slot;
  }

  #slotOf(at: number): number {
    const memory = this.#memory;
    const hash = this.#words[at + ENTRY_HASH];
    return slotOfUnit(this.#words, memory.bucketsAt, memory.bucketCount, hash, at >>> 2);
  }

  #isExpired(at: number): boolean {
    return ((this.#words[at + ENTRY_EXPIRES_AT] - this.#nowSec) | 0) <= 0;
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
    words[at + ENTRY_SIZES] = (words[at + ENTRY_SIZES] & ~0xffff) | units;
  }

  /** Publishes a location, with the generation of the last write. */
  #setSlot(slot: number, unitAndUses: number): void {
    this.#writeSlot(slot, unitAndUses | (this.#words[SEQUENCE] << GENERATION_SHIFT));
  }

  #setUses(slot: number, uses: number): void {
    this.#writeSlot(slot, (this.#words[slot] & ~USES_MASK) | uses);
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
   * Every entry that is stored, expires or is evicted passes here, once, with the entry at word `at`
   * still whole: the place for whoever wants to follow what is in the cache.
   */
  #observe(moment: number, _at: number): void {
    this.#memory.counters[moment]++;
  }
}

/** Whether the entry at word `at` stands in the main ring; for checks and figures. */
export function isInMainRing(words: Int32Array, at: number): boolean {
  return ringHolds(words, MAIN_RING, at >>> 2);
}

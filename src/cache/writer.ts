// Hot path.
/**
 * Decides where a new entry goes and which ones leave for it: S3-FIFO over bytes.
 *
 * A new entry goes to the small ring. At its tail, one that was hit at least twice is copied to the
 * main ring, any other leaves and only its fingerprint is remembered: if it is asked for again
 * soon, it goes straight to the main ring. At the tail of the main ring, one that was hit since it
 * last passed there is copied to the head with one hit less, any other leaves. So names that are
 * asked for once pass through a tenth of the memory.
 *
 * DNS adds that entries die by themselves, in the middle of a ring. What is expired leaves at a
 * tail whatever its hits. While much of what leaves there is expired, nothing else does: the living
 * go round, the ring is cleaned like a log, and newcomers get the room without proving themselves.
 * A newcomer also gets the place of an entry without hits that has less than half of its time to
 * live. (hit_ratio_test.ts; without this, LRU was better when entries lived as long as LRU keeps
 * them.)
 */
import { UNITS_MASK, USES_MASK, USES_ONE } from "./buckets.ts";
import { ENTRY_HASH, entryKind, entryUnits, entryWords, KIND_DEAD, unitsOfWords } from "./entry.ts";
import { forgetGhost, rememberGhost } from "./ghosts.ts";
import {
  LIST_CAPACITY,
  LIST_COUNT,
  LIST_OLDEST,
  linkEntry,
  listOfEntry,
  unlinkEntry,
} from "./lists.ts";
import {
  type CacheMemory,
  COUNT_EVICTED,
  COUNT_EVICTED_CAPACITY,
  COUNT_EXPIRED,
  COUNT_FORGOTTEN,
  COUNT_PROMOTED,
  COUNT_READMITTED,
  COUNT_REINSERTED,
  COUNT_REPLACED,
  MAIN_RING,
  SMALL_RING,
  WASTE,
} from "./memory.ts";
import { Placement } from "./placement.ts";
import {
  giveBackToRing,
  NO_ROOM,
  ringIsEmpty,
  ringTail,
  roomInRing,
  takeFromRing,
} from "./rings.ts";

/** Hits with which an entry leaves the small ring for the main one. */
const PROMOTION_USES = 2 * USES_ONE;
/** Entries that one store may copy from the tail of the main ring to its head: about 20 µs. */
const REINSERTIONS_MAX = 128;
/** Entries at the main ring's tail that are passed before an unproven newcomer is turned away. */
const PASSED_MAX = 32;
/** Room in the main ring (4 KiB) above which a newcomer need not prove itself. */
const SPARE_ROOM_UNITS = 256;
/** A newcomer's time to live is so many times that of the entry whose place it gets. */
const TRADE_FACTOR = 2;
/** The share of expired and dead entries among those that lately passed the main ring's tail … */
const WASTE_ONE = 1 << 20;
/** … averaged over about 2^7 of them … */
const WASTE_SHIFT = 7;
/** … and from when on it is worth while to copy the others. */
const WASTE_MIN = WASTE_ONE >> 3;
/** Entries that one store may spare, because they were hit, when a class is full. */
const SPARED_MAX = 16;
/** Entries of a full class that one store removes: more than one only after its capacity shrank. */
const TRIMMED_MAX = 8;

export class Writer {
  readonly #memory: CacheMemory;
  readonly #words: Int32Array;
  readonly #placement: Placement;
  #reinsertions = 0;

  constructor(memory: CacheMemory, shared: boolean) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#placement = new Placement(memory, shared);
  }

  /** The clock of everything that follows. */
  setNow(nowSec: number): void {
    this.#placement.setNow(nowSec);
  }

  /** Stores a new entry; there is none with its key. */
  insert(image: Int32Array, from: number): void {
    this.#insert(image, from, 0);
  }

  /** Stores a new answer in place of the one of `slot`, which has the same key. */
  replace(image: Int32Array, from: number, slot: number): void {
    const words = this.#words;
    const at = (words[slot] & UNITS_MASK) << 2;
    const fits = unitsOfWords(entryWords(image, from)) <= entryUnits(words, at);
    if (fits && listOfEntry(words, at) === listOfEntry(image, from)) {
      this.#placement.overwrite(image, from, slot);
    } else {
      const uses = words[slot] & USES_MASK;
      this.#placement.remove(slot, COUNT_REPLACED);
      this.#insert(image, from, uses);
    }
  }

  /** Notes in the entry of `slot`, which has expired, that it could not be refreshed now. */
  noteFailure(slot: number): void {
    this.#placement.noteFailure(slot);
  }

  /** Removes the entry of `slot`. */
  remove(slot: number): void {
    this.#placement.remove(slot, COUNT_FORGOTTEN);
  }

  /** Sets a capacity and removes what is above it, `countMax` entries at most; returns how many. */
  setCapacity(list: number, capacity: number, countMax: number): number {
    const words = this.#words;
    words[list + LIST_CAPACITY] = capacity;
    if (capacity === 0) return 0;
    let count = 0;
    for (; count < countMax && words[list + LIST_COUNT] > capacity; count++) this.#trimList(list);
    return count;
  }

  /** Removes entries of `list`, `countMax` at most; returns how many. */
  forget(list: number, countMax: number): number {
    const words = this.#words;
    let count = 0;
    for (; count < countMax && words[list + LIST_COUNT] > 0; count++) {
      const slot = this.#placement.slotOf(words[list + LIST_OLDEST] << 2);
      this.#placement.remove(slot, COUNT_FORGOTTEN);
    }
    return count;
  }

  #insert(image: Int32Array, from: number, uses: number): void {
    const memory = this.#memory;
    const hash = image[from + ENTRY_HASH];
    const units = unitsOfWords(entryWords(image, from));
    const known = forgetGhost(this.#words, memory.ghostsAt, memory.ghostBucketCount, hash);
    if (known) memory.counters[COUNT_READMITTED]++;
    const toMain = known || uses > 0 || units > memory.smallUnitsMax;
    this.#reinsertions = 0;
    this.#makeRoomInList(listOfEntry(image, from));
    const unit = this.#takeRoom(toMain ? MAIN_RING : SMALL_RING, units);
    this.#placement.insert(image, from, unit, units, uses);
  }

  /** Removes entries of `list` until one more is within its capacity. */
  #makeRoomInList(list: number): void {
    const words = this.#words;
    const capacity = words[list + LIST_CAPACITY];
    if (capacity === 0) return;
    for (let i = 0; i < TRIMMED_MAX && words[list + LIST_COUNT] >= capacity; i++) {
      this.#trimList(list);
    }
  }

  /**
   * Removes one entry of `list`, which has some: the oldest that is expired or was not hit lately.
   */
  #trimList(list: number): void {
    const words = this.#words;
    const placement = this.#placement;
    for (let spared = 0; ; spared++) {
      const at = words[list + LIST_OLDEST] << 2;
      const slot = placement.slotOf(at);
      const uses = placement.usesOf(slot);
      const expired = placement.leftSec(at) <= 0;
      if (expired || uses === 0 || spared === SPARED_MAX) {
        placement.remove(slot, expired ? COUNT_EXPIRED : COUNT_EVICTED_CAPACITY);
        return;
      }
      placement.setUses(slot, uses - USES_ONE);
      unlinkEntry(words, list, at);
      linkEntry(words, list, at);
    }
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
    const placement = this.#placement;
    const at = ringTail(words, SMALL_RING) << 2;
    const units = entryUnits(words, at);
    if (entryKind(words, at) !== KIND_DEAD) {
      const slot = placement.slotOf(at);
      const leftSec = placement.leftSec(at);
      if (leftSec <= 0) {
        this.#expire(slot, at);
      } else if (placement.usesOf(slot) >= PROMOTION_USES || this.#hasSpareRoom(leftSec)) {
        const needed = unitsOfWords(entryWords(words, at));
        placement.move(slot, at, this.#takeRoom(MAIN_RING, needed), needed, 0);
        this.#memory.counters[COUNT_PROMOTED]++;
      } else {
        this.#remember(at);
        placement.remove(slot, COUNT_EVICTED);
      }
    }
    giveBackToRing(words, SMALL_RING, units);
  }

  #passMainTail(): void {
    const words = this.#words;
    const placement = this.#placement;
    const at = ringTail(words, MAIN_RING) << 2;
    giveBackToRing(words, MAIN_RING, entryUnits(words, at));
    const dead = entryKind(words, at) === KIND_DEAD;
    const useless = dead || placement.leftSec(at) <= 0;
    const waste = words[WASTE];
    words[WASTE] = waste + (((useless ? WASTE_ONE : 0) - waste) >> WASTE_SHIFT);
    if (dead) return;
    const slot = placement.slotOf(at);
    if (useless) {
      this.#expire(slot, at);
      return;
    }
    const uses = placement.usesOf(slot);
    const cleaning = waste >= WASTE_MIN;
    if ((uses === 0 && !cleaning) || this.#reinsertions >= REINSERTIONS_MAX) {
      placement.remove(slot, COUNT_EVICTED);
      return;
    }
    this.#reinsertions++;
    // There is room: what was just given back is in one piece with the room at the head.
    const needed = unitsOfWords(entryWords(words, at));
    const unit = takeFromRing(words, MAIN_RING, needed);
    placement.move(slot, at, unit, needed, cleaning ? uses : uses - USES_ONE);
    this.#memory.counters[COUNT_REINSERTED]++;
  }

  /** Whether the main ring has room for a newcomer that lives for `leftSec`, without a fight. */
  #hasSpareRoom(leftSec: number): boolean {
    const words = this.#words;
    const placement = this.#placement;
    for (let i = 0; i < PASSED_MAX && !ringIsEmpty(words, MAIN_RING); i++) {
      if (roomInRing(words, MAIN_RING) > SPARE_ROOM_UNITS) return true;
      const at = ringTail(words, MAIN_RING) << 2;
      const tailLeftSec = placement.leftSec(at);
      if (entryKind(words, at) !== KIND_DEAD && tailLeftSec > 0) {
        const slot = placement.slotOf(at);
        if (tailLeftSec * TRADE_FACTOR <= leftSec && placement.usesOf(slot) === 0) {
          placement.remove(slot, COUNT_EVICTED);
          giveBackToRing(words, MAIN_RING, entryUnits(words, at));
          continue;
        }
        if (words[WASTE] < WASTE_MIN) break;
      }
      this.#passMainTail();
    }
    return roomInRing(words, MAIN_RING) > SPARE_ROOM_UNITS;
  }

  #expire(slot: number, at: number): void {
    // A name that was asked for will be again, and need not prove it a second time.
    if (this.#placement.usesOf(slot) !== 0) this.#remember(at);
    this.#placement.remove(slot, COUNT_EXPIRED);
  }

  #remember(at: number): void {
    const memory = this.#memory;
    const hash = this.#words[at + ENTRY_HASH];
    rememberGhost(this.#words, memory.ghostsAt, memory.ghostBucketCount, hash);
  }
}

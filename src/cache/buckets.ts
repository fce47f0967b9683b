// Hot path.
/**
 * The index: from a key's hash to where its entry is.
 *
 * Every key may be in one of two buckets. A bucket is one cache line of 8 slots, so a lookup
 * touches one or two:
 *
 *   word   0 … 7    key hashes; they mean nothing where the location is 0
 *   word   8 … 15   locations: generation << 30 | uses << 28 | number of the entry's first unit
 *
 * A *slot* is the number of its location's word. It stays when the entry is moved; it changes only
 * when a full bucket hands an entry over to its other one. `uses` counts hits up to 3 and is all
 * that eviction knows about them. The generation changes with every write of the slot: a reader can
 * tell the same place from the same bytes. A location is written by whoever holds the lock; only
 * `uses` is also raised by readers.
 */
import { ENTRY_HASH } from "./entry.ts";
import { usefulSec } from "./lists.ts";
import { BUCKET_SLOTS, BUCKET_WORDS } from "./memory.ts";

/** Units up to 2^28 of 16 bytes: 4 GiB. */
export const UNITS_MASK = 0x0fff_ffff;
export const USES_ONE = 0x1000_0000;
export const USES_MASK = 0x3000_0000;
export const USES_SHIFT = 28;
export const GENERATION_SHIFT = 30;

/** No slot: the header of the memory is where slot 0 would be. */
export const NO_SLOT = 0;

// 26 bits of hash times a bucket count below 2^22 is exact in a double, and so is the quotient.
const HASH_SHIFT = 6;
const HASH_SCALE = 2 ** -26;

/** Word at which the first bucket of `hash` begins, counted from the first of all buckets. */
export function firstBucket(hash: number, bucketCount: number): number {
  return (((hash >>> HASH_SHIFT) * bucketCount * HASH_SCALE) >>> 0) * BUCKET_WORDS;
}

/** Word at which the second bucket begins; it may be the first one again. */
export function secondBucket(hash: number, bucketCount: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  return (
    ((((mixed ^ (mixed >>> 13)) >>> HASH_SHIFT) * bucketCount * HASH_SCALE) >>> 0) * BUCKET_WORDS
  );
}

/** The slot that points at the entry of `hash` at unit `unit`, or NO_SLOT. */
export function slotOfUnit(
  words: Int32Array,
  bucketsAt: number,
  bucketCount: number,
  hash: number,
  unit: number,
): number {
  const first = bucketsAt + firstBucket(hash, bucketCount) + BUCKET_SLOTS;
  for (let slot = first; slot < first + BUCKET_SLOTS; slot++) {
    if ((words[slot] & UNITS_MASK) === unit) return slot;
  }
  const second = bucketsAt + secondBucket(hash, bucketCount) + BUCKET_SLOTS;
  for (let slot = second; slot < second + BUCKET_SLOTS; slot++) {
    if ((words[slot] & UNITS_MASK) === unit) return slot;
  }
  return NO_SLOT;
}

/**
 * An empty slot in a bucket of `hash`, or NO_SLOT when both are full.
 *
 * In the first bucket if there is one, although the emptier of both would fill up later: then most
 * hits touch one line of the index instead of two.
 */
export function emptySlot(
  words: Int32Array,
  bucketsAt: number,
  bucketCount: number,
  hash: number,
): number {
  const first = bucketsAt + firstBucket(hash, bucketCount) + BUCKET_SLOTS;
  for (let slot = first; slot < first + BUCKET_SLOTS; slot++) if (words[slot] === 0) return slot;
  const second = bucketsAt + secondBucket(hash, bucketCount) + BUCKET_SLOTS;
  for (let slot = second; slot < second + BUCKET_SLOTS; slot++) if (words[slot] === 0) return slot;
  return NO_SLOT;
}

/** Slot number `i`, 0 to 15, of the two buckets of `hash`. */
export function slotAt(bucketsAt: number, bucketCount: number, hash: number, i: number): number {
  const bucket =
    i < BUCKET_SLOTS ? firstBucket(hash, bucketCount) : secondBucket(hash, bucketCount);
  return bucketsAt + bucket + BUCKET_SLOTS + (i & (BUCKET_SLOTS - 1));
}

/** An empty slot to which the entry of `slot` could go as well, or NO_SLOT. */
export function otherSlot(
  words: Int32Array,
  bucketsAt: number,
  bucketCount: number,
  slot: number,
): number {
  const hash = words[slot - BUCKET_SLOTS];
  const first = bucketsAt + firstBucket(hash, bucketCount) + BUCKET_SLOTS;
  const second = bucketsAt + secondBucket(hash, bucketCount) + BUCKET_SLOTS;
  const other = slot >= first && slot < first + BUCKET_SLOTS ? second : first;
  for (let i = other; i < other + BUCKET_SLOTS; i++) if (words[i] === 0) return i;
  return NO_SLOT;
}

/**
 * The slot to give up when both buckets of `hash` are full: an expired one if there is, else the
 * least used. `turn` decides between equals.
 */
export function leastUsedSlot(
  words: Int32Array,
  bucketsAt: number,
  bucketCount: number,
  hash: number,
  nowSec: number,
  turn: number,
): number {
  let least = NO_SLOT;
  let usesLeast = USES_MASK + 1;
  for (let i = 0; i < 2 * BUCKET_SLOTS; i++) {
    const slot = slotAt(bucketsAt, bucketCount, hash, (i + turn) & (2 * BUCKET_SLOTS - 1));
    const location = words[slot];
    const at = (location & UNITS_MASK) << 2;
    if (usefulSec(words, at, nowSec) <= 0) return slot;
    const uses = location & USES_MASK;
    if (uses < usesLeast) {
      usesLeast = uses;
      least = slot;
    }
  }
  return least;
}

/** The word of the key hash that belongs to `slot`. */
export function hashWordOfSlot(slot: number): number {
  return slot - BUCKET_SLOTS;
}

/** Whether `slot` is one of the slots in which `hash` may be; for checks. */
export function slotMayHold(
  words: Int32Array,
  bucketsAt: number,
  bucketCount: number,
  slot: number,
): boolean {
  const hash = words[hashWordOfSlot(slot)];
  const at = (words[slot] & UNITS_MASK) << 2;
  if (words[at + ENTRY_HASH] !== hash) return false;
  const bucket = slot - bucketsAt - ((slot - bucketsAt) % BUCKET_WORDS);
  return bucket === firstBucket(hash, bucketCount) || bucket === secondBucket(hash, bucketCount);
}

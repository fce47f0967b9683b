/**
 * Looks at a whole cache from outside: what is in it, and whether its parts agree.
 *
 * For a dump, for tests and for a doctor; slow, and only a snapshot while others write. Changes
 * nothing.
 */
import { VIEWS_MAX } from "../limits.ts";
import { slotMayHold, UNITS_MASK, USES_MASK, USES_SHIFT } from "./buckets.ts";
import type { Cache } from "./cache.ts";
import {
  ENTRY_NEWER,
  ENTRY_OLDER,
  entryClass,
  entryExpiresAtSec,
  entryKind,
  entryMessageLength,
  entryMessageOffset,
  entryNameLength,
  entryStoredAtSec,
  entryTtlCount,
  entryTtlsOffset,
  entryType,
  entryUnits,
  entryVariant,
  entryView,
  entryWords,
  KIND_DEAD,
  UNIT_BYTES,
} from "./entry.ts";
import { LIST_COUNT, LIST_NEWEST, LIST_OLDEST, listOfEntry } from "./lists.ts";
import {
  BUCKET_SLOTS,
  BUCKET_WORDS,
  LIST_WORDS,
  LISTS_PER_VIEW,
  MAIN_RING,
  RING_HEAD,
  RING_LIMIT,
  RING_START,
  RING_TAIL,
  RING_WRAPPED,
  SMALL_RING,
  VIEWS_AT,
} from "./memory.ts";
import { ringHolds } from "./rings.ts";

/** A copy of what is known of one entry. */
export interface EntryInfo {
  /** Offset in bytes in the cache's memory. */
  readonly entry: number;
  readonly view: number;
  readonly variant: number;
  /** KIND_SUCCESS, KIND_DENIAL or KIND_SERVFAIL. */
  readonly kind: number;
  readonly type: number;
  readonly dnsClass: number;
  /** Wire bytes, lower case, root included. */
  readonly name: Uint8Array;
  readonly message: Uint8Array;
  /** Where in the message the TTL fields are. */
  readonly ttlOffsets: readonly number[];
  readonly storedAtSec: number;
  readonly expiresAtSec: number;
  readonly allocatedBytes: number;
  /** Hits since it last passed a tail, 3 at most. */
  readonly uses: number;
  readonly ring: "small" | "main";
}

/** Describes the entry at byte `entry`, found in a slot with `uses`. */
export function inspectEntry(cache: Cache, entry: number, uses = 0): EntryInfo {
  const { words, bytes, view } = cache;
  const at = entry >>> 2;
  const messageLength = entryMessageLength(words, at);
  const message = bytes.slice(entryMessageOffset(entry), entryMessageOffset(entry) + messageLength);
  const ttlsOffset = entryTtlsOffset(entry, messageLength);
  const ttlOffsets: number[] = [];
  for (let i = 0; i < entryTtlCount(words, at); i++) {
    ttlOffsets.push(view.getUint16(ttlsOffset + 2 * i, true));
  }
  return {
    entry,
    view: entryView(words, at),
    variant: entryVariant(words, at),
    kind: entryKind(words, at),
    type: entryType(words, at),
    dnsClass: entryClass(words, at),
    name: message.slice(12, 12 + entryNameLength(words, at)),
    message,
    ttlOffsets,
    storedAtSec: entryStoredAtSec(words, at),
    expiresAtSec: entryExpiresAtSec(words, at),
    allocatedBytes: entryUnits(words, at) * UNIT_BYTES,
    uses,
    ring: ringHolds(words, MAIN_RING, at >>> 2) ? "main" : "small",
  };
}

/** All entries, in no order that means anything. */
export function* listEntries(cache: Cache): Generator<EntryInfo> {
  for (const slot of takenSlots(cache)) {
    const location = cache.words[slot] as number;
    const entry = (location & UNITS_MASK) * UNIT_BYTES;
    yield inspectEntry(cache, entry, (location & USES_MASK) >>> USES_SHIFT);
  }
}

/**
 * Compares index, rings, lists and totals.
 *
 * @returns what does not agree, as sentences; empty when all is well. Only meaningful while nobody
 * writes.
 */
export function verifyCache(cache: Cache): string[] {
  const { words } = cache;
  const problems: string[] = [];
  const indexed = new Map<number, number>();
  let liveUnits = 0;
  for (const slot of takenSlots(cache)) {
    const unit = (words[slot] as number) & UNITS_MASK;
    if (indexed.has(unit)) problems.push(`Two slots point at unit ${unit}`);
    indexed.set(unit, slot);
    if (!slotMayHold(words, cache.memory.bucketsAt, cache.memory.bucketCount, slot)) {
      problems.push(`Slot ${slot} is not in a bucket of its entry's hash`);
    }
    if (entryKind(words, unit << 2) === KIND_DEAD) problems.push(`Unit ${unit} is dead but found`);
    if (entryWords(words, unit << 2) > entryUnits(words, unit << 2) * 4) {
      problems.push(`Unit ${unit} holds more than is allocated`);
    }
    liveUnits += entryUnits(words, unit << 2);
  }
  if (indexed.size !== cache.memory.entries) {
    problems.push(`There are ${indexed.size} entries, counted are ${cache.memory.entries}`);
  }
  if (liveUnits * UNIT_BYTES !== cache.memory.liveBytes) {
    problems.push(
      `Live are ${liveUnits * UNIT_BYTES} bytes, counted are ${cache.memory.liveBytes}`,
    );
  }
  const inRings = new Set<number>();
  walkRing(words, SMALL_RING, inRings, problems);
  walkRing(words, MAIN_RING, inRings, problems);
  for (const unit of indexed.keys()) {
    if (!inRings.has(unit)) problems.push(`Unit ${unit} is found but in no ring`);
  }
  for (const unit of inRings) {
    if (!indexed.has(unit)) problems.push(`Unit ${unit} is alive but cannot be found`);
  }
  const listed = walkLists(words, problems);
  if (listed !== indexed.size) problems.push(`Lists hold ${listed} entries of ${indexed.size}`);
  return problems;
}

function* takenSlots(cache: Cache): Generator<number> {
  const { bucketsAt, bucketCount } = cache.memory;
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const first = bucketsAt + bucket * BUCKET_WORDS + BUCKET_SLOTS;
    for (let slot = first; slot < first + BUCKET_SLOTS; slot++) {
      if (cache.words[slot] !== 0) yield slot;
    }
  }
}

/** Walks from tail to head; entries alive go to `found`. */
function walkRing(words: Int32Array, ring: number, found: Set<number>, problems: string[]): void {
  const at = (field: number): number => words[ring + field] as number;
  let unit = at(RING_TAIL);
  let wrapped = at(RING_WRAPPED) === 1;
  while (wrapped || unit !== at(RING_HEAD)) {
    const units = entryUnits(words, unit << 2);
    if (units === 0) {
      problems.push(`Unit ${unit} has no size`);
      return;
    }
    if (entryKind(words, unit << 2) !== KIND_DEAD) found.add(unit);
    unit += units;
    const end = wrapped ? at(RING_LIMIT) : at(RING_HEAD);
    if (unit > end) {
      problems.push(`An entry of the ring at word ${ring} ends at ${unit}, beyond ${end}`);
      return;
    }
    if (wrapped && unit === end) {
      wrapped = false;
      unit = at(RING_START);
    }
  }
}

function walkLists(words: Int32Array, problems: string[]): number {
  let total = 0;
  const lists = VIEWS_MAX * LISTS_PER_VIEW;
  for (let list = VIEWS_AT; list < VIEWS_AT + lists * LIST_WORDS; list += LIST_WORDS) {
    let count = 0;
    let older = 0;
    let unit = words[list + LIST_OLDEST] as number;
    while (unit !== 0 && count <= (words[list + LIST_COUNT] as number)) {
      const at = unit << 2;
      if (words[at + ENTRY_OLDER] !== older) problems.push(`Unit ${unit} has a wrong neighbour`);
      if (listOfEntry(words, at) !== list) problems.push(`Unit ${unit} is in a foreign list`);
      older = unit;
      unit = words[at + ENTRY_NEWER] as number;
      count++;
    }
    if (words[list + LIST_NEWEST] !== older) problems.push(`List ${list} ends elsewhere`);
    if (words[list + LIST_COUNT] !== count) problems.push(`List ${list} counts wrongly`);
    total += count;
  }
  return total;
}

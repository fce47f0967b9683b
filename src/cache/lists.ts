// Hot path.
/**
 * For each view and class, the list of its entries by age, for capacities and for forgetting a
 * view.
 *
 * A view has two lists: successes, and denials, which hold SERVFAIL too, as in CoreDNS. The list is
 * threaded through the entries themselves (ENTRY_OLDER, ENTRY_NEWER), so it is exact: no reference
 * outlives its entry, and removal from the middle, when a ring's tail passes, costs two writes. A
 * queue of references beside the rings would need as much memory and a hunt for stale ones.
 *
 *   table of views, 8 words for each list:   count | capacity | oldest | newest
 *                                            staleSec | - | evictions, a double
 *                                            capacity 0: none but the budget; ends: units or 0
 */
import {
  ENTRY_EXPIRES_AT,
  ENTRY_NEWER,
  ENTRY_OLDER,
  entryKind,
  entryView,
  KIND_SERVFAIL,
  KIND_SUCCESS,
} from "./entry.ts";
import { LIST_WORDS, LISTS_PER_VIEW, VIEWS_AT } from "./memory.ts";

export const LIST_COUNT = 0;
export const LIST_CAPACITY = 1;
export const LIST_OLDEST = 2;
export const LIST_NEWEST = 3;
/** How long entries are of use after they have expired, in seconds. */
export const LIST_STALE_SEC = 4;

export const LIST_SUCCESS = 0;
export const LIST_DENIAL = 1;

/** Word at which the list LIST_SUCCESS or LIST_DENIAL of `view` stands. */
export function listOf(view: number, which: number): number {
  return VIEWS_AT + (view * LISTS_PER_VIEW + which) * LIST_WORDS;
}

/** The list to which the entry or image at word `at` of `words` belongs. */
export function listOfEntry(words: Int32Array, at: number): number {
  const which = entryKind(words, at) === KIND_SUCCESS ? LIST_SUCCESS : LIST_DENIAL;
  return listOf(entryView(words, at), which);
}

/**
 * Seconds until the entry at word `at` is of no use any more, 0 or less when it is of none: until
 * it expires, and where stale answers are given, so much longer. A failure is never given stale.
 */
export function usefulSec(words: Int32Array, at: number, nowSec: number): number {
  const leftSec = (words[at + ENTRY_EXPIRES_AT] - nowSec) | 0;
  if (entryKind(words, at) === KIND_SERVFAIL) return leftSec;
  return (leftSec + words[listOfEntry(words, at) + LIST_STALE_SEC]) | 0;
}

/** Appends the entry at word `at` as the newest of `list`. */
export function linkEntry(words: Int32Array, list: number, at: number): void {
  const newest = words[list + LIST_NEWEST];
  words[at + ENTRY_OLDER] = newest;
  words[at + ENTRY_NEWER] = 0;
  if (newest === 0) words[list + LIST_OLDEST] = at >>> 2;
  else words[(newest << 2) + ENTRY_NEWER] = at >>> 2;
  words[list + LIST_NEWEST] = at >>> 2;
  words[list + LIST_COUNT]++;
}

/** Takes the entry at word `at` out of `list`. */
export function unlinkEntry(words: Int32Array, list: number, at: number): void {
  const older = words[at + ENTRY_OLDER];
  const newer = words[at + ENTRY_NEWER];
  if (older === 0) words[list + LIST_OLDEST] = newer;
  else words[(older << 2) + ENTRY_NEWER] = newer;
  if (newer === 0) words[list + LIST_NEWEST] = older;
  else words[(newer << 2) + ENTRY_OLDER] = older;
  words[list + LIST_COUNT]--;
}

/** Tells the neighbours of an entry that was moved to word `at`. */
export function relinkEntry(words: Int32Array, list: number, at: number): void {
  const older = words[at + ENTRY_OLDER];
  const newer = words[at + ENTRY_NEWER];
  if (older === 0) words[list + LIST_OLDEST] = at >>> 2;
  else words[(older << 2) + ENTRY_NEWER] = at >>> 2;
  if (newer === 0) words[list + LIST_NEWEST] = at >>> 2;
  else words[(newer << 2) + ENTRY_OLDER] = at >>> 2;
}

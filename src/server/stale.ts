// Hot path.
/**
 * Stale answers (RFC 8767): what the cache has that expired, when it is given in place of a reply.
 *
 * See answer_expired.ts for those that are given as soon as they are asked for.
 */

import { NOT_CACHED } from "../cache/cache.ts";
import { entryWords, KIND_DEAD, KIND_SERVFAIL, KIND_SUCCESS } from "../cache/entry.ts";
import type { CachePolicy } from "../cache/policy.ts";
import { ANSWERED_BY_CACHE } from "../handoff/answerers.ts";
import { setTtls } from "../wire/amend_answer.ts";
import {
  EDE_STALE_ANSWER,
  EDE_STALE_NXDOMAIN,
  HEADER_FLAGS,
  NO_EDE,
  RCODE_MASK,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
} from "../wire/constants.ts";
import type { Plane } from "./plane.ts";
import type { View } from "./view.ts";

const HAS_NO_OPT = 0;

/** Whether an answer with this extended error is a stale one. */
export function isStale(infoCode: number): boolean {
  return infoCode === EDE_STALE_ANSWER || infoCode === EDE_STALE_NXDOMAIN;
}

/** The extended error of a stale answer at `offset` of `view`. */
export function staleInfoCode(view: DataView, offset: number): number {
  const rcode = view.getUint16(offset + HEADER_FLAGS) & RCODE_MASK;
  return rcode === RCODE_NXDOMAIN ? EDE_STALE_NXDOMAIN : EDE_STALE_ANSWER;
}

/**
 * The question of `slot` has failed: puts what the cache has for it, if it may be given, into the
 * scratch memory. It will not be asked again before the recheck time is over.
 *
 * @returns false when there is nothing.
 */
export function fallBack(plane: Plane, view: View, slot: number): boolean {
  const { policy } = view;
  if (policy === null || policy.staleSec === 0 || plane.pending.cached[slot] === 0) return false;
  if (!findUseful(plane, policy, slot)) return false;
  if (!loadFound(plane, policy)) return false;
  if (isStale(plane.scratch.infoCode)) plane.cache.noteFailure(plane.nowSec);
  return true;
}

/**
 * As `fallBack`, for a reply of which `plane.reply` and the decision in the scratch memory tell:
 * what does not say whether the name exists does not take the place of what is known (RFC 8767 §4).
 *
 * @returns false when the reply is the answer.
 */
export function keepStale(plane: Plane, slot: number): boolean {
  const { pending, reply, cache, scratch } = plane;
  const view = plane.views[pending.views[slot]!]!;
  const { policy } = view;
  if (policy === null || policy.staleSec === 0 || pending.cached[slot] === 0) return false;
  const { rcode, truncated } = reply;
  const isKnown = truncated === 0 && (rcode === RCODE_NOERROR || rcode === RCODE_NXDOMAIN);
  if (!isKnown) return fallBack(plane, view, slot);
  const isDenial = rcode === RCODE_NXDOMAIN || reply.hasAnswerOfType === 0;
  const isStored = scratch.decision.kind !== KIND_DEAD;
  if (isStored && !(isDenial && policy.prefersPositive)) return false;
  if (!findUseful(plane, policy, slot)) return false;
  if (isDenial && policy.prefersPositive && cache.kind === KIND_SUCCESS) {
    return fallBack(plane, view, slot);
  }
  // What is true now is not to be kept, a TTL of 0 for one; what was must not be given any more.
  if (!isStored) cache.removeFound(plane.nowSec);
  return false;
}

/** Puts what may be given for `slot` into the scratch memory; false when there is nothing. */
export function loadStale(plane: Plane, policy: CachePolicy, slot: number): boolean {
  return findUseful(plane, policy, slot) && loadFound(plane, policy);
}

/** Finds the entry for the question of `slot`; false when it is none that may be given. */
function findUseful(plane: Plane, policy: CachePolicy, slot: number): boolean {
  const { pending, cache, scratch } = plane;
  pending.copyName(slot, scratch.name, 0);
  const entry = cache.find(
    scratch.name,
    pending.nameLengths[slot]!,
    pending.nameHashes[slot]!,
    pending.types[slot]!,
    pending.classes[slot]!,
    pending.variants[slot]!,
    pending.views[slot]!,
  );
  if (entry === NOT_CACHED || cache.kind === KIND_SERVFAIL) return false;
  return cache.expiresAtSec + policy.staleSec > plane.nowSec;
}

/** Copies what was found to the scratch memory; false when it has just been written over. */
function loadFound(plane: Plane, policy: CachePolicy): boolean {
  const { cache, scratch, nowSec } = plane;
  const { words } = scratch;
  const from = (cache.messageOffset - scratch.messageOffset) >>> 2;
  const { messageLength, ttlCount, ttlsOffset, expiresAtSec, storedAtSec } = cache;
  const count = entryWords(cache.words, from);
  if (count > words.length || from + count > cache.words.length) return false;
  for (let word = 0; word < count; word++) words[word] = cache.words[from + word]!;
  if (!cache.isStill(from << 2)) return false;
  plane.answeredBy = ANSWERED_BY_CACHE;
  scratch.messageLength = messageLength;
  scratch.ttlCount = ttlCount;
  const message = scratch.messageOffset;
  const ttls = ttlsOffset - (from << 2);
  if (expiresAtSec <= nowSec) {
    const { view } = scratch;
    setTtls(view, message, messageLength, HAS_NO_OPT, view, ttls, ttlCount, policy.staleTtlSec);
    scratch.infoCode = staleInfoCode(view, message);
  } else {
    // Another worker was told in the meantime, or a refresh came before its time and failed.
    if (!policy.keepTtl) ageTtls(plane, ttls, nowSec - storedAtSec);
    scratch.infoCode = NO_EDE;
  }
  return true;
}

function ageTtls(plane: Plane, ttls: number, ageSec: number): void {
  const { view, messageOffset, ttlCount } = plane.scratch;
  for (let index = 0; index < ttlCount; index++) {
    const at = messageOffset + view.getUint16(ttls + (index << 1), true);
    const leftSec = view.getInt32(at) - ageSec;
    view.setInt32(at, leftSec > 0 ? leftSec : 0);
  }
}

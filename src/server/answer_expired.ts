// Hot path.
/**
 * A query for which the cache has an answer that has expired, where `serve_stale` allows to give it
 * (RFC 8767): at once, with a refresh behind it, or only when nobody else has an answer.
 */

import { ENTRY_HEADER_BYTES, KIND_SERVFAIL, KIND_SUCCESS } from "../cache/entry.ts";
import type { CachePolicy } from "../cache/policy.ts";
import { COUNTER } from "../handoff/counters.ts";
import { NO_SLOT } from "../std/slot_pool.ts";
import { addExtendedError, setTtls } from "../wire/amend_answer.ts";
import { writeAnswer } from "../wire/answer.ts";
import { amendAnswer } from "./amend_answer.ts";
import { ANSWER_LATER, NO_ANSWER } from "./answer_codes.ts";
import { expectStale } from "./ask.ts";
import { countMiss, countServedStale } from "./count_answer.ts";
import { answerOwn, handleMiss } from "./handle_miss.ts";
import { logAtOnce, noteDenial, noteHit, noteRefusal } from "./note_hit.ts";
import { orderAnswer } from "./order_answer.ts";
import type { Plane } from "./plane.ts";
import { refresh } from "./refresh.ts";
import { staleInfoCode } from "./stale.ts";
import type { View } from "./view.ts";

/**
 * Answers `plane.query`, for which the cache has just found an entry that has expired.
 *
 * @returns the length of the answer at `target`, or ANSWER_LATER.
 */
export function answerExpired(
  plane: Plane,
  view: View,
  policy: CachePolicy,
  variant: number,
  target: number,
  limitBytes: number,
): number {
  const { cache, pending, query, nowSec } = plane;
  if (cache.kind === KIND_SERVFAIL || cache.expiresAtSec + policy.staleSec <= nowSec) {
    return askAnew(plane, view, variant, target, limitBytes);
  }
  const slot = pending.find(query, view.id, variant);
  const isUnderWay = slot !== NO_SLOT;
  const mayAsk = !hasFailed(plane, policy);
  const waits = policy.isVerified && mayAsk && !(isUnderWay && pending.staleGiven[slot] === 1);
  if (waits) return verify(plane, view, policy, variant, target, limitBytes);
  if (!isUnderWay) {
    // Plugins behind the cache have a fresh answer at no cost.
    const own = answerOwn(plane, view, variant, true, target, limitBytes);
    if (own !== NO_ANSWER) {
      noteMiss(plane, view);
      return own;
    }
  }
  const length = giveStale(plane, view, policy, target, limitBytes);
  if (length === NO_ANSWER) {
    return askAnew(plane, view, variant, target, limitBytes);
  }
  if (mayAsk && !isUnderWay) refresh(plane, view, variant);
  return length;
}

/** Whether a refresh has failed lately (RFC 8767 §5, the failure recheck timer). */
function hasFailed({ cache, nowSec }: Plane, policy: CachePolicy): boolean {
  if (cache.storedAtSec < cache.expiresAtSec) return false;
  return nowSec - cache.storedAtSec < policy.recheckSec;
}

/** Asks first; clients are given the stale answer when that takes too long, or fails. */
function verify(
  plane: Plane,
  view: View,
  policy: CachePolicy,
  variant: number,
  target: number,
  limitBytes: number,
): number {
  const { pending, query } = plane;
  const length = handleMiss(plane, view, variant, true, target, limitBytes);
  if (length !== ANSWER_LATER) {
    // No room to wait, or nobody to ask: what was written is an error.
    const given = giveStale(plane, view, policy, target, limitBytes);
    if (given !== NO_ANSWER) return given;
    return askAnew(plane, view, variant, target, limitBytes);
  }
  noteMiss(plane, view);
  if (policy.verifyTimeoutMs === 0) return ANSWER_LATER;
  const slot = pending.find(query, view.id, variant);
  if (slot !== NO_SLOT && pending.staleMs[slot] === Number.POSITIVE_INFINITY) {
    expectStale(plane, slot, pending.startedMs[slot]! + policy.verifyTimeoutMs);
  }
  return ANSWER_LATER;
}

/** The expired answer is of no use. */
function askAnew(
  plane: Plane,
  view: View,
  variant: number,
  target: number,
  limitBytes: number,
): number {
  noteMiss(plane, view);
  const refused = handleMiss(plane, view, variant, true, target, limitBytes);
  if (refused > 0 && view.counts) noteRefusal(plane, target, refused);
  return refused;
}

function noteMiss(plane: Plane, view: View): void {
  plane.counters[COUNTER.misses]! += 1;
  if (view.counts) countMiss(plane);
}

/** Writes the entry that was found, as a stale answer. NO_ANSWER when it was just written over. */
function giveStale(
  plane: Plane,
  view: View,
  policy: CachePolicy,
  target: number,
  limitBytes: number,
): number {
  const { cache, query } = plane;
  const { messageOffset, messageLength, ttlsOffset, ttlCount } = cache;
  const length = writeAnswer(
    cache.words,
    cache.view,
    messageOffset,
    messageLength,
    ttlsOffset,
    ttlCount,
    0,
    plane.words,
    plane.view,
    target,
    limitBytes,
    query,
  );
  const { hasOpt } = query;
  const ttlSec = policy.staleTtlSec;
  setTtls(plane.view, target, length, hasOpt, cache.view, ttlsOffset, ttlCount, ttlSec);
  if (!cache.isStill(messageOffset - ENTRY_HEADER_BYTES)) return NO_ANSWER;
  plane.counters[COUNTER.servedStale]! += 1;
  plane.counters[COUNTER.hits]! += 1;
  // Not a failure: nothing is added to the answer.
  if (cache.kind !== KIND_SUCCESS) noteDenial(plane, target, length, limitBytes);
  const infoCode = staleInfoCode(plane.view, target);
  const explained = addExtendedError(plane.view, target, length, limitBytes, hasOpt, infoCode);
  const ordered = orderAnswer(plane, view, target, explained, limitBytes);
  const whole = amendAnswer(plane, view, target, ordered, limitBytes);
  if (view.counts) {
    countServedStale(plane);
    noteHit(plane, target, whole);
  }
  if (view.logClasses !== 0) logAtOnce(plane, view, target, whole);
  return whole;
}

// Hot path.
/** What is noted about answers that are given at once. */

import { KIND_SERVFAIL } from "../cache/entry.ts";
import { ANSWERED_BY_CACHE, ANSWERED_BY_NONE } from "../handoff/answerers.ts";
import { COUNTER } from "../handoff/counters.ts";
import { addExtendedError } from "../wire/amend_answer.ts";
import { EDE_CACHED_ERROR } from "../wire/constants.ts";
import { TRANSPORT_EXCHANGE } from "./client.ts";
import { countAnswer, countHit, countPluginHit, RCODE_FROM_ANSWER } from "./count_answer.ts";
import { logAnswer } from "./log_answer.ts";
import type { Plane } from "./plane.ts";
import type { View } from "./view.ts";

/**
 * Counts a hit that denies, or is a failure: an answer of `length` bytes at `target` to
 * `plane.query`, of the entry that the cache has found last.
 *
 * @returns its length: of a failure it is now said that it was remembered (RFC 8914 §4.14).
 */
export function noteDenial(
  plane: Plane,
  target: number,
  length: number,
  limitBytes: number,
): number {
  const { counters, cache, query } = plane;
  counters[COUNTER.hitsDenial]! += 1;
  if (cache.kind !== KIND_SERVFAIL) return length;
  return addExtendedError(plane.view, target, length, limitBytes, query.hasOpt, EDE_CACHED_ERROR);
}

/** Counts a hit: `length` bytes at `target`, for `prometheus`. */
export function noteHit(plane: Plane, target: number, length: number): void {
  if (plane.client.transport !== TRANSPORT_EXCHANGE) {
    countHit(plane, target, length);
  } else {
    plane.answeredBy = ANSWERED_BY_CACHE;
    countPluginHit(plane, target);
  }
}

/** Counts an error that is given at once. A plugin's questions are none of a client's. */
export function noteRefusal(plane: Plane, target: number, length: number): void {
  noteGiven(plane, target, length, ANSWERED_BY_NONE);
}

/** Counts what is given at once `by` ANSWERED_BY_…. A plugin's questions are none of a client's. */
export function noteGiven(plane: Plane, target: number, length: number, by: number): void {
  plane.answeredBy = by;
  if (plane.client.transport === TRANSPORT_EXCHANGE) return;
  const { query, nowMs } = plane;
  countAnswer(plane, query.type, RCODE_FROM_ANSWER, target, length, nowMs, by);
}

/** Notes the answer for `log`. Those to plugins are noted when their client is answered. */
export function logAtOnce(plane: Plane, view: View, target: number, length: number): void {
  if (plane.client.transport === TRANSPORT_EXCHANGE) return;
  logAnswer(plane, view, target, length, plane.nowMs);
}

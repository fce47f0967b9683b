// Hot path.
/**
 * A query that the cache cannot answer: joins the question that is already on its way, or starts
 * one.
 */

import { COUNTER } from "../handoff/counters.ts";
import { REASON_NO_ROUTE } from "../handoff/records.ts";
import { NO_SLOT } from "../std/slot_pool.ts";
import { writeError } from "../wire/answer.ts";
import { RCODE_REFUSED, RCODE_SERVFAIL, TYPE_HINFO } from "../wire/constants.ts";
import { answerBehind } from "./answer_behind.ts";
import { ANSWER_LATER, NO_ANSWER } from "./answer_codes.ts";
import { ask } from "./ask.ts";
import { finishWithReply } from "./handle_reply.ts";
import { keepOptions } from "./keep_options.ts";
import { logFailure } from "./log_answer.ts";
import { FULL_WAITERS, openQuestion } from "./open_question.ts";
import type { Plane } from "./plane.ts";
import type { View } from "./view.ts";
import { NO_WAITER } from "./waiters.ts";

/**
 * Makes the client of `plane.query` wait for an upstream, or refuses it.
 *
 * Overload is met here (the tables have fixed sizes): what does not fit is answered SERVFAIL, so
 * that its client turns to another server at once. `max_concurrent` answers REFUSED, as in CoreDNS.
 *
 * @param cached whether the answer is to be kept.
 * @returns the length of an answer at `target`, or ANSWER_LATER.
 */
export function handleMiss(
  plane: Plane,
  view: View,
  variant: number,
  cached: boolean,
  target: number,
  limitBytes: number,
): number {
  const { pending, waiters, counters, query } = plane;
  if (query.type === TYPE_HINFO && plane.loopWatch.hears(plane)) {
    return refuse(plane, COUNTER.answersRefused, RCODE_REFUSED, target, limitBytes);
  }
  const slot = pending.find(query, view.id, variant);
  if (slot === NO_SLOT) return startQuestion(plane, view, variant, cached, target, limitBytes);
  const waiter = waiters.add(query, plane.client, plane.nowMs);
  if (waiter === NO_WAITER) {
    return refuse(plane, COUNTER.shedWaiters, RCODE_SERVFAIL, target, limitBytes);
  }
  counters[COUNTER.joined]! += 1;
  waiters.next[pending.lastWaiters[slot]!] = waiter;
  pending.lastWaiters[slot] = waiter;
  return ANSWER_LATER;
}

/** As `handleMiss`, for a question that nobody has asked yet. */
function startQuestion(
  plane: Plane,
  view: View,
  variant: number,
  cached: boolean,
  target: number,
  limitBytes: number,
): number {
  const { query } = plane;
  const own = answerOwn(plane, view, variant, cached, target, limitBytes);
  if (own !== NO_ANSWER) return own;
  const route = view.routeFor(query);
  if (route === null) {
    const { questionOffset, questionLength } = query;
    logFailure(plane, view, NO_SLOT, questionOffset, questionLength, REASON_NO_ROUTE);
    return refuse(plane, COUNTER.answersServfail, RCODE_SERVFAIL, target, limitBytes);
  }
  if (route.isFull()) {
    return refuse(plane, COUNTER.shedConcurrent, RCODE_REFUSED, target, limitBytes);
  }
  const slot = openQuestion(plane, view, route, variant, cached);
  if (slot < 0) return shed(plane, slot, target, limitBytes);
  keepOptions(plane, slot);
  ask(plane, slot);
  return ANSWER_LATER;
}

/**
 * Answers from the plugins behind the cache: the length of an answer at `target`, ANSWER_LATER, or
 * NO_ANSWER when they have none.
 */
export function answerOwn(
  plane: Plane,
  view: View,
  variant: number,
  cached: boolean,
  target: number,
  limitBytes: number,
): number {
  if (view.back === null || !answerBehind(plane, view, view.back)) return NO_ANSWER;
  // Our own answer, in `plane.reply`, goes the way of an upstream's: it is stored and handed out.
  const slot = openQuestion(plane, view, null, variant, cached);
  if (slot < 0) return shed(plane, slot, target, limitBytes);
  finishWithReply(plane, slot);
  return ANSWER_LATER;
}

/** There is no room: `full` is FULL_WAITERS or FULL_PENDING. */
function shed(plane: Plane, full: number, target: number, limitBytes: number): number {
  const counter = full === FULL_WAITERS ? COUNTER.shedWaiters : COUNTER.shedPending;
  return refuse(plane, counter, RCODE_SERVFAIL, target, limitBytes);
}

function refuse(
  plane: Plane,
  counter: number,
  rcode: number,
  target: number,
  limitBytes: number,
): number {
  plane.counters[counter]! += 1;
  return writeError(plane.words, plane.view, target, limitBytes, plane.query, rcode);
}

// Hot path.
/**
 * Asks upstreams: the next attempt of a pending question, when, where and how.
 *
 * An attempt that stays without a reply is not given up when the next one is made; whichever reply
 * comes first counts. After ATTEMPTS_MAX attempts the question waits for its deadline.
 */

import {
  VARIANT_CHECKING_DISABLED,
  VARIANT_DNSSEC_OK,
  VARIANT_NO_RECURSION,
} from "../cache/entry.ts";
import { COUNTER } from "../handoff/counters.ts";
import {
  REASON_LOOP,
  REASON_TIMEOUT,
  REASON_UNREACHABLE,
  REASON_UPSTREAMS_DOWN,
} from "../handoff/records.ts";
import { ATTEMPTS_MAX } from "../limits.ts";
import { NO_CHANNEL } from "../upstream/channels.ts";
import { NO_ATTEMPT } from "../upstream/pending.ts";
import { NO_UPSTREAM } from "../upstream/route.ts";
import { FLAG_AD, FLAG_CD, FLAG_RD } from "../wire/constants.ts";
import { answerEarly } from "./answer_early.ts";
import { leaveSilentConnection, noteFailure } from "./attempts.ts";
import { countAsked } from "./count_upstream.ts";
import { finishFailed } from "./finish.ts";
import type { Plane } from "./plane.ts";
import { chooseChannel, freeId, NO_ID, writeTo } from "./send_query.ts";

/** Makes the next attempt for `slot`, or lets it fail when there is nobody left to ask. */
export function ask(plane: Plane, slot: number): void {
  const { pending } = plane;
  let reason = REASON_UNREACHABLE;
  // What one upstream refuses, another may understand.
  pending.plain[slot] = 0;
  const route = plane.routes[pending.routes[slot]!]!;
  while (pending.attemptCounts[slot]! < route.attemptsMax) {
    const position = route.choose(pending.triedBits[slot]!);
    if (route.foundNoneUp) plane.counters[COUNTER.upstreamsAllDown]! += 1;
    if (position === NO_UPSTREAM) {
      reason = route.isLoop ? REASON_LOOP : REASON_UPSTREAMS_DOWN;
      break;
    }
    pending.triedBits[slot]! |= 1 << position;
    const upstream = route.upstreams[position]!;
    const attemptsBefore = pending.attemptCounts[slot]!;
    if (send(plane, slot, upstream)) {
      const waitMs = plane.upstreams[upstream]!.attemptTimeoutMs(attemptsBefore);
      setTimer(plane, slot, plane.nowMs + waitMs);
      return;
    }
    // No socket to be had: counts as an attempt, so that this loop ends.
    pending.attemptUpstreams[slot * ATTEMPTS_MAX + attemptsBefore] = upstream;
    pending.attemptCounts[slot] = attemptsBefore + 1;
    noteFailure(plane, upstream);
  }
  // Earlier attempts may still be answered until the deadline; with none under way there is no
  // hope.
  if (hasOpenAttempt(plane, slot)) setTimer(plane, slot, deadlineMs(plane, slot));
  else finishFailed(plane, slot, reason);
}

/** The timer of `slot` is due: next attempt, or the end. */
export function handleTimeout(plane: Plane, slot: number): void {
  const { pending, counters } = plane;
  if (plane.nowMs >= deadlineMs(plane, slot)) {
    finishFailed(plane, slot, REASON_TIMEOUT);
    return;
  }
  if (plane.nowMs >= pending.staleMs[slot]!) {
    answerEarly(plane, slot);
    if (plane.nowMs < pending.dueMs[slot]!) {
      setTimer(plane, slot, pending.dueMs[slot]!);
      return;
    }
  }
  const last = slot * ATTEMPTS_MAX + pending.attemptCounts[slot]! - 1;
  counters[COUNTER.upstreamTimeouts]! += 1;
  if (pending.attemptKeys[last] !== NO_ATTEMPT) {
    noteFailure(plane, pending.attemptUpstreams[last]!);
    leaveSilentConnection(plane, last, pending.attemptSentMs[last]!);
  }
  ask(plane, slot);
}

/** Clients of `slot` are given a stale answer at `atMs`, if there is no other by then. */
export function expectStale(plane: Plane, slot: number, atMs: number): void {
  plane.pending.staleMs[slot] = atMs;
  setTimer(plane, slot, plane.pending.dueMs[slot]!);
}

/** An attempt has failed for good: its channel is gone, or it was answered with an error. */
export function askAgain(plane: Plane, slot: number): void {
  plane.counters[COUNTER.upstreamFailovers]! += 1;
  if (plane.nowMs >= deadlineMs(plane, slot)) finishFailed(plane, slot, REASON_TIMEOUT);
  else ask(plane, slot);
}

/** Asks the same upstream once more, in another way: by TCP, or without EDNS. */
export function askSame(plane: Plane, slot: number, upstream: number): void {
  const { pending } = plane;
  const count = pending.attemptCounts[slot]!;
  // The attempt that was answered so is over: the last place may be taken again.
  if (count === ATTEMPTS_MAX) {
    if (pending.attemptKeys[slot * ATTEMPTS_MAX + count - 1] !== NO_ATTEMPT) return;
    pending.attemptCounts[slot] = count - 1;
  }
  const attemptsBefore = pending.attemptCounts[slot]!;
  if (send(plane, slot, upstream)) {
    const waitMs = plane.upstreams[upstream]!.attemptTimeoutMs(attemptsBefore);
    setTimer(plane, slot, plane.nowMs + waitMs);
  } else {
    ask(plane, slot);
  }
}

function send(plane: Plane, slot: number, upstream: number): boolean {
  const { pending, waiters, channels } = plane;
  const channel = chooseChannel(plane, upstream, pending.overTcp[slot] === 1);
  if (channel === NO_CHANNEL) return false;
  const id = freeId(plane, channel);
  if (id === NO_ID) return false;
  const waiter = pending.firstWaiters[slot]!;
  const question = waiters.questionOffset(waiter);
  const lengthBytes = waiters.questionBytes(waiter);
  const variant = pending.variants[slot]!;
  // AD asks for AD (RFC 6840 §5.7); the rest is as the clients of this question want it.
  const usual =
    FLAG_AD |
    ((variant & VARIANT_NO_RECURSION) === 0 ? FLAG_RD : 0) |
    ((variant & VARIANT_CHECKING_DISABLED) === 0 ? 0 : FLAG_CD);
  const { set, clear } = plane.views[pending.views[slot]!]!.queryFlags;
  const flags = (usual | (set & FLAG_RD)) & ~(clear & FLAG_RD);
  const dnssecOk = (variant & VARIANT_DNSSEC_OK) === 0 ? 0 : 1;
  // Who wants DNSSEC needs EDNS: it is tried even where it was refused, but not insisted on.
  const isWanted = plane.upstreams[upstream]!.speaksEdns(plane.nowMs) || dnssecOk === 1;
  const withOpt = isWanted && pending.plain[slot] === 0 ? 1 : 0;
  const udpBytes = plane.views[pending.views[slot]!]!.udpBytesMax;
  const options = pending.options.size === 0 ? undefined : pending.options.get(slot);
  const sent = writeTo(
    plane,
    channel,
    upstream,
    id,
    question,
    lengthBytes,
    flags,
    dnssecOk,
    udpBytes,
    withOpt,
    options ?? null,
  );
  if (!sent) return false;
  countAsked(plane, upstream, channel);
  pending.beginAttempt(slot, channel, id, upstream, withOpt, plane.nowMs);
  channels.inFlightCounts[channel]! += 1;
  plane.counters[COUNTER.upstreamQueries]! += 1;
  return true;
}

function hasOpenAttempt(plane: Plane, slot: number): boolean {
  for (let number = 0; number < ATTEMPTS_MAX; number++) {
    if (plane.pending.attemptKeys[slot * ATTEMPTS_MAX + number] !== NO_ATTEMPT) return true;
  }
  return false;
}

function deadlineMs(plane: Plane, slot: number): number {
  const { pending, views } = plane;
  return pending.startedMs[slot]! + views[pending.views[slot]!]!.deadlineMs;
}

function setTimer(plane: Plane, slot: number, atMs: number): void {
  const { pending } = plane;
  const dueMs = Math.min(atMs, deadlineMs(plane, slot));
  pending.dueMs[slot] = dueMs;
  pending.timers.set(slot, Math.min(dueMs, pending.staleMs[slot]!));
}

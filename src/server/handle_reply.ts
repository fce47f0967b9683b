// Hot path.
/**
 * What becomes of a message from an upstream: a stranger's, an error to be asked again elsewhere,
 * or the answer.
 *
 * A reply counts when it came by the channel that the query left by, with its id, and with its
 * question (RFC 5452 §9.1). Everything else is ignored and counted; the question goes on waiting.
 */

import { KIND_DEAD } from "../cache/entry.ts";
import { decide } from "../cache/policy.ts";
import { ANSWERED_BY_FORWARD } from "../handoff/answerers.ts";
import { COUNTER } from "../handoff/counters.ts";
import { REASON_MALFORMED, REASON_UNREACHABLE } from "../handoff/records.ts";
import { ATTEMPTS_MAX, TCP_MESSAGE_BYTES_MAX } from "../limits.ts";
import { CHANNEL_UDP } from "../upstream/channels.ts";
import { NO_ATTEMPT } from "../upstream/pending.ts";
import { NO_UPSTREAM } from "../upstream/route.ts";
import { clampTtls, writeCleanReply } from "../wire/clean_reply.ts";
import {
  FLAG_AA,
  HEADER_BYTES,
  NO_EDE,
  RCODE_FORMERR,
  RCODE_NOTIMP,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
} from "../wire/constants.ts";
import { foldName } from "../wire/fold_name.ts";
import { dropBehindAnswers } from "../wire/minimal_reply.ts";
import { REPLY_NOT_REPLY, REPLY_OK, REPLY_SHORT, readReply } from "../wire/reply.ts";
import { askAgain, askSame } from "./ask.ts";
import { endAttempt, noteAlive, noteReply } from "./attempts.ts";
import { countCacheDrop } from "./count_answer.ts";
import { finishAnswered, finishFailed, storeScratch } from "./finish.ts";
import type { Plane } from "./plane.ts";
import { keepStale } from "./stale.ts";

const HEADER_ID_BYTES = 2;
const MS_PER_SEC = 1000;

/** Handles the message of `length` bytes at `offset` that came by `channel`. */
export function handleReply(plane: Plane, channel: number, offset: number, length: number): void {
  const { pending, counters, reply, channels } = plane;
  counters[COUNTER.upstreamReplies]! += 1;
  const id = length < HEADER_ID_BYTES ? 0 : plane.view.getUint16(offset);
  const attempt = pending.findAttempt(channel, id);
  if (attempt === NO_ATTEMPT) {
    countStranger(plane, channel);
    return;
  }
  const code = readReply(plane.bytes, plane.view, offset, length, reply);
  if (code === REPLY_SHORT || code === REPLY_NOT_REPLY) {
    // `reply` still tells of another message.
    countStranger(plane, channel);
    return;
  }
  const probed = pending.probedUpstream(attempt);
  if (probed >= 0) {
    finishProbe(plane, attempt, probed, code);
    return;
  }
  const slot = Math.floor(attempt / ATTEMPTS_MAX);
  if (!isOurs(plane, slot)) {
    countStranger(plane, channel);
    return;
  }
  const upstream = pending.attemptUpstreams[attempt]!;
  const known = plane.upstreams[upstream]!;
  if (code !== REPLY_OK) {
    counters[COUNTER.upstreamMalformed]! += 1;
    known.lastFailure = REASON_MALFORMED;
    endAttempt(plane, attempt);
    askAgain(plane, slot);
    return;
  }
  noteReply(plane, upstream, plane.nowMs - pending.attemptSentMs[attempt]!);
  if (reply.truncated === 1 && channels.kinds[channel] === CHANNEL_UDP) {
    counters[COUNTER.upstreamTruncated]! += 1;
    endAttempt(plane, attempt);
    pending.overTcp[slot] = 1;
    askSame(plane, slot, upstream);
    return;
  }
  if (isEdnsRefusal(plane, attempt)) {
    known.noteNoEdns(plane.nowMs);
    endAttempt(plane, attempt);
    pending.plain[slot] = 1;
    askSame(plane, slot, upstream);
    return;
  }
  if (isWorthAnother(plane, slot)) {
    endAttempt(plane, attempt);
    askAgain(plane, slot);
    return;
  }
  if (handOn(plane, slot)) return;
  plane.answeredBy = ANSWERED_BY_FORWARD;
  plane.repliedBy = upstream;
  // What we hand on is not our own (RFC 1035 §4.1.1).
  reply.flags &= ~FLAG_AA;
  finishWithReply(plane, slot);
  plane.repliedBy = NO_UPSTREAM;
}

/**
 * Cleans, stores and hands out the reply that `plane.reply` describes, of whoever
 * `plane.answeredBy` says: an upstream's, or our own.
 */
export function finishWithReply(plane: Plane, slot: number): void {
  const { reply, scratch } = plane;
  if (plane.views[plane.pending.views[slot]!]!.isMinimal) dropBehindAnswers(plane.view, reply);
  const length = writeCleanReply(
    plane.bytes,
    plane.view,
    reply,
    scratch.bytes,
    scratch.words,
    scratch.view,
    scratch.messageOffset,
    TCP_MESSAGE_BYTES_MAX,
    scratch.ttlOffsets,
  );
  if (length === 0) {
    finishFailed(plane, slot, REASON_UNREACHABLE);
    return;
  }
  scratch.messageLength = length;
  scratch.ttlCount = reply.ttlCount;
  scratch.infoCode = NO_EDE;
  settle(plane, slot);
  if (!keepStale(plane, slot)) storeScratch(plane, slot);
  finishAnswered(plane, slot);
}

/**
 * Decides whether and how long the clean reply is kept, and brings its TTLs into the view's limits.
 */
function settle(plane: Plane, slot: number): void {
  const { pending, reply, scratch } = plane;
  const { decision } = scratch;
  const { policy } = plane.views[pending.views[slot]!]!;
  if (policy === null || pending.cached[slot] === 0) {
    decision.kind = KIND_DEAD;
    decision.lifetimeSec = 0;
    return;
  }
  const name = scratch.messageOffset + HEADER_BYTES;
  const variant = pending.variants[slot]!;
  const unixSec = reply.hasRrsig === 1 ? Math.floor(plane.kernel.wallMs() / MS_PER_SEC) : 0;
  decide(reply, policy, scratch.bytes, name, variant, unixSec, decision);
  if (decision.kind === KIND_DEAD) noteCacheDrop(plane, slot);
  clampTtls(
    scratch.view,
    scratch.messageOffset,
    scratch.ttlOffsets,
    scratch.ttlCount,
    decision.ttlSecMin,
    decision.ttlSecMax,
  );
}

/** Counted for the zone of the client that has asked first. */
function noteCacheDrop(plane: Plane, slot: number): void {
  const { pending, waiters, views, counters } = plane;
  counters[COUNTER.cacheDrops]! += 1;
  const waiter = pending.firstWaiters[slot]!;
  if (views[pending.views[slot]!]!.counts) countCacheDrop(plane, waiters.scope(waiter));
}

function countStranger(plane: Plane, channel: number): void {
  plane.counters[COUNTER.upstreamStrangers]! += 1;
  plane.channels.strangerCounts[channel]! += 1;
}

/** Any message that can be read shows that the upstream lives, whatever it says. */
function finishProbe(plane: Plane, attempt: number, upstream: number, code: number): void {
  endAttempt(plane, attempt);
  if (code === REPLY_OK) noteAlive(plane, upstream);
}

/**
 * Whether the reply has the question of `slot`. Some servers leave it out when they report an
 * error.
 */
function isOurs(plane: Plane, slot: number): boolean {
  const { pending, reply, scratch } = plane;
  if (reply.questionLength === 0) return isServerError(reply.rcode);
  if (reply.type !== pending.types[slot] || reply.class !== pending.classes[slot]) return false;
  foldName(plane.view, reply.questionOffset, reply.nameLength, 0, scratch.name);
  return pending.hasName(slot, scratch.name, reply.nameLength);
}

function isServerError(rcode: number): boolean {
  return (
    rcode === RCODE_SERVFAIL ||
    rcode === RCODE_REFUSED ||
    rcode === RCODE_NOTIMP ||
    rcode === RCODE_FORMERR
  );
}

/** A server that does not know EDNS answers so, without an OPT of its own (RFC 6891 §7). */
function isEdnsRefusal(plane: Plane, attempt: number): boolean {
  const { reply } = plane;
  if (reply.hasOpt === 1 || plane.pending.attemptHadOpt[attempt] === 0) return false;
  return reply.rcode === RCODE_FORMERR || reply.rcode === RCODE_NOTIMP;
}

/** Whether another upstream, not asked yet, may know better. The last one's error is the answer. */
function isWorthAnother(plane: Plane, slot: number): boolean {
  const { pending, reply } = plane;
  const route = plane.routes[pending.routes[slot]!]!;
  if (!isServerError(reply.rcode) && !route.failsOverOn(reply.rcode)) return false;
  return (
    pending.attemptCounts[slot]! < route.attemptsMax && route.hasFresh(pending.triedBits[slot]!)
  );
}

/**
 * Asks the next `forward` of the server block in place of this one, if `next` says so of such an
 * answer and there is one that takes the name. @returns false when the answer is to be given.
 */
function handOn(plane: Plane, slot: number): boolean {
  const { pending, reply, routes, scratch } = plane;
  const route = routes[pending.routes[slot]!]!;
  if (!route.handsOn(reply.rcode, reply.answerCount)) return false;
  const view = plane.views[pending.views[slot]!]!;
  pending.copyName(slot, scratch.name, 0);
  const next = view.routeAfter(route, scratch.nameBytes, pending.nameLengths[slot]!);
  if (next === null || next.isFull()) return false;
  const first = slot * ATTEMPTS_MAX;
  for (let number = 0; number < ATTEMPTS_MAX; number++) endAttempt(plane, first + number);
  route.inFlightCount -= 1;
  next.inFlightCount += 1;
  pending.changeRoute(slot, next.number);
  askAgain(plane, slot);
  return true;
}

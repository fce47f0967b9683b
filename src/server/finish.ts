// Hot path.
/** The end of a pending question: every waiter is answered, in its own case, size and transport. */

import {
  buildEntry,
  ENTRY_NAME_WORDS,
  entryTtlsOffset,
  KIND_DEAD,
  KIND_SERVFAIL,
} from "../cache/entry.ts";
import { ANSWERED_BY_NONE } from "../handoff/answerers.ts";
import { COUNTER } from "../handoff/counters.ts";
import { REASON_UNREACHABLE } from "../handoff/records.ts";
import { ATTEMPTS_MAX, TCP_MESSAGE_BYTES_MAX } from "../limits.ts";
import { NO_ROUTE } from "../upstream/route.ts";
import { addExtendedError } from "../wire/amend_answer.ts";
import { writeAnswer } from "../wire/answer.ts";
import {
  EDE_NETWORK_ERROR,
  EDE_NO_REACHABLE_AUTHORITY,
  FLAG_QR,
  FLAG_RA,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_ID,
  HEADER_NSCOUNT,
  HEADER_QDCOUNT,
  NO_EDE,
  QUESTION_FIXED_BYTES,
  RCODE_SERVFAIL,
} from "../wire/constants.ts";
import { amendAnswer } from "./amend_answer.ts";
import { endAttempt } from "./attempts.ts";
import { TRANSPORT_EXCHANGE, TRANSPORT_NONE, TRANSPORT_UDP } from "./client.ts";
import { countAnswer, countServedStale, RCODE_FROM_ANSWER } from "./count_answer.ts";
import { deliverTcp } from "./deliver_tcp.ts";
import { logAnswer, logFailure } from "./log_answer.ts";
import { orderAnswer } from "./order_answer.ts";
import type { Plane } from "./plane.ts";
import { fallBack, isStale } from "./stale.ts";
import type { View } from "./view.ts";
import { NO_WAITER } from "./waiters.ts";

/** One question, no records. */
const ONE_QUESTION = 0x0001_0000;

/** Answers all waiters of `slot` with the image in the scratch memory and forgets the question. */
export function finishAnswered(plane: Plane, slot: number): void {
  const { pending, waiters } = plane;
  const view = plane.views[pending.views[slot]!]!;
  let waiter = pending.firstWaiters[slot]!;
  while (waiter !== NO_WAITER) {
    const next = waiters.next[waiter]!;
    answerWaiter(plane, view, waiter);
    waiters.release(waiter);
    waiter = next;
  }
  const first = slot * ATTEMPTS_MAX;
  for (let number = 0; number < ATTEMPTS_MAX; number++) endAttempt(plane, first + number);
  // What plugins have answered took no route.
  const route = pending.routes[slot]!;
  if (route !== NO_ROUTE) plane.routes[route]!.inFlightCount -= 1;
  pending.close(slot);
}

/**
 * Nobody answered in time, or nobody could be asked: a stale answer for all if there is one; else
 * SERVFAIL, remembered for a while.
 *
 * @param reason REASON_TIMEOUT …, for the log.
 */
export function finishFailed(plane: Plane, slot: number, reason: number): void {
  const { pending, scratch, counters, waiters } = plane;
  const view = plane.views[pending.views[slot]!]!;
  const waiter = pending.firstWaiters[slot]!;
  if (waiter !== NO_WAITER) {
    const question = waiters.questionOffset(waiter);
    logFailure(plane, view, slot, question, waiters.questionBytes(waiter), reason);
  }
  if (fallBack(plane, view, slot)) {
    finishAnswered(plane, slot);
    return;
  }
  const nameLength = pending.nameLengths[slot]!;
  const message = scratch.messageOffset;
  pending.copyName(slot, scratch.words, ENTRY_NAME_WORDS);
  const question = message + HEADER_BYTES + nameLength;
  scratch.view.setUint16(message + HEADER_ID, 0);
  scratch.view.setUint16(message + HEADER_FLAGS, FLAG_QR | FLAG_RA | RCODE_SERVFAIL);
  scratch.view.setUint32(message + HEADER_QDCOUNT, ONE_QUESTION);
  scratch.view.setUint32(message + HEADER_NSCOUNT, 0);
  scratch.view.setUint16(question, pending.types[slot]!);
  scratch.view.setUint16(question + 2, pending.classes[slot]!);
  scratch.messageLength = HEADER_BYTES + nameLength + QUESTION_FIXED_BYTES;
  scratch.ttlCount = 0;
  counters[COUNTER.answersServfail]! += 1;
  plane.answeredBy = ANSWERED_BY_NONE;
  // RFC 8914 §4.23 and §4.24.
  scratch.infoCode = reason === REASON_UNREACHABLE ? EDE_NETWORK_ERROR : EDE_NO_REACHABLE_AUTHORITY;
  const failureSec = pending.cached[slot] === 0 ? 0 : (view.policy?.failureSec ?? 0);
  scratch.decision.kind = failureSec === 0 ? KIND_DEAD : KIND_SERVFAIL;
  scratch.decision.lifetimeSec = failureSec;
  storeScratch(plane, slot);
  finishAnswered(plane, slot);
}

/**
 * Makes the message in the scratch memory an entry image of the question of `slot`, and stores it
 * if `decision` says so.
 */
export function storeScratch(plane: Plane, slot: number): void {
  const { pending, scratch } = plane;
  buildEntry(
    scratch.words,
    scratch.view,
    0,
    scratch.messageLength,
    scratch.ttlOffsets,
    scratch.ttlCount,
    pending.nameHashes[slot]!,
    pending.nameLengths[slot]!,
    pending.types[slot]!,
    pending.classes[slot]!,
    pending.variants[slot]!,
    pending.views[slot]!,
    scratch.decision,
    plane.nowSec,
  );
  if (scratch.decision.kind !== KIND_DEAD) plane.cache.store(scratch.words, 0, plane.nowSec);
}

/** Gives `waiter` the image in the scratch memory. It is still a waiter afterwards. */
export function answerWaiter(plane: Plane, view: View, waiter: number): void {
  const { query, client, answers, waiters } = plane;
  if (waiters.transport(waiter) === TRANSPORT_NONE) return;
  if (isStale(plane.scratch.infoCode)) plane.counters[COUNTER.servedStale]! += 1;
  waiters.load(waiter, query, client);
  if (view.counts && isStale(plane.scratch.infoCode)) countServedStale(plane);
  if (client.transport === TRANSPORT_UDP) {
    const target = answers.buffer(plane.listeners.udpFds[client.listener]!);
    const length = writeForClient(plane, view, target, udpLimit(view, query.udpSizeBytes));
    const { nameOffset, nameBytes, controlOffset, controlBytes } = client;
    answers.commit(length, nameOffset, nameBytes, controlOffset, controlBytes);
    noteWaiter(plane, view, waiter, target, length);
  } else if (client.transport === TRANSPORT_EXCHANGE) {
    deliverToPlugin(plane, client.connection);
  } else {
    const target = plane.tcpClients.scratchOffset;
    const length = writeForClient(plane, view, target, TCP_MESSAGE_BYTES_MAX);
    noteWaiter(plane, view, waiter, target, length);
    deliverTcp(plane, client.connection, client.generation, target, length);
  }
}

/** Cold: plugins get the message in a copy of its own. */
function deliverToPlugin(plane: Plane, question: number): void {
  const target = plane.tcpClients.scratchOffset;
  const length = writeScratch(plane, target, TCP_MESSAGE_BYTES_MAX);
  plane.exchanges.deliver(question, plane.bytes.slice(target, target + length), plane.answeredBy);
}

/** Counts and logs what a waiter has been given. */
function noteWaiter(
  plane: Plane,
  view: View,
  waiter: number,
  target: number,
  length: number,
): void {
  const startedMs = plane.waiters.startedMs[waiter]!;
  if (view.counts) {
    const { questionOffset, nameLength } = plane.query;
    const type = plane.view.getUint16(questionOffset + nameLength);
    const { answeredBy } = plane;
    countAnswer(plane, type, RCODE_FROM_ANSWER, target, length, startedMs, answeredBy);
  }
  if (view.logClasses !== 0) logAnswer(plane, view, target, length, startedMs);
}

/** What `view` sends by UDP at most to a client that says it can take `udpSizeBytes`. */
function udpLimit(view: View, udpSizeBytes: number): number {
  return udpSizeBytes < view.udpBytesMax ? udpSizeBytes : view.udpBytesMax;
}

/** As `writeScratch`, in the order and with the changes that the server block has for clients. */
function writeForClient(plane: Plane, view: View, target: number, limitBytes: number): number {
  const length = writeScratch(plane, target, limitBytes);
  const ordered = orderAnswer(plane, view, target, length, limitBytes);
  return amendAnswer(plane, view, target, ordered, limitBytes);
}

function writeScratch(plane: Plane, target: number, limitBytes: number): number {
  const { scratch } = plane;
  const message = scratch.messageOffset;
  const length = writeAnswer(
    scratch.words,
    scratch.view,
    message,
    scratch.messageLength,
    // TTL offsets are read where the image has them; an image is always built before.
    entryTtlsOffset(0, scratch.messageLength),
    scratch.ttlCount,
    0,
    plane.words,
    plane.view,
    target,
    limitBytes,
    plane.query,
  );
  if (length < scratch.messageLength) plane.counters[COUNTER.answersTruncated]! += 1;
  if (scratch.infoCode === NO_EDE) return length;
  const { hasOpt } = plane.query;
  return addExtendedError(plane.view, target, length, limitBytes, hasOpt, scratch.infoCode);
}

// Hot path.
/**
 * What becomes of a query: refused, answered from the cache, or sent on its way upstream.
 *
 * The transports call `handleQuery` with the query in the slab and `plane.client` saying who asks;
 * the answer, if there is one at once, stands at `target` afterwards.
 */

import { NOT_CACHED } from "../cache/cache.ts";
import {
  KIND_SUCCESS,
  VARIANT_CHECKING_DISABLED,
  VARIANT_DNSSEC_OK,
  VARIANT_NO_RECURSION,
} from "../cache/entry.ts";
import { ANSWERED_BY_NONE } from "../handoff/answerers.ts";
import { COUNTER } from "../handoff/counters.ts";
import { writeAnswer, writeError } from "../wire/answer.ts";
import {
  CLASS_IN,
  RCODE_BADVERS,
  RCODE_FORMERR,
  RCODE_NOTIMP,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
  TYPE_AXFR,
  TYPE_IXFR,
} from "../wire/constants.ts";
import {
  QUERY_FORMAT,
  QUERY_IS_REPLY,
  QUERY_OK,
  QUERY_OPCODE,
  QUERY_SHORT,
  QUERY_VERSION,
  type Query,
  readQuery,
} from "../wire/query.ts";
import { amendAnswer } from "./amend_answer.ts";
import { answerAtGate } from "./answer_at_gate.ts";
import { ANSWER_EXPIRED, ANSWER_LATER, NO_ANSWER } from "./answer_codes.ts";
import { answerExpired } from "./answer_expired.ts";
import { TRANSPORT_UDP } from "./client.ts";
import { countAnswer, countMiss } from "./count_answer.ts";
import { handleMiss } from "./handle_miss.ts";
import { logAtOnce, noteDenial, noteHit, noteRefusal } from "./note_hit.ts";
import { orderAnswer } from "./order_answer.ts";
import { answerOfUs, asksForUs } from "./own_answer.ts";
import type { Plane } from "./plane.ts";
import { prefetch } from "./refresh.ts";
import { startExchange } from "./run_exchange.ts";
import type { View } from "./view.ts";
import { NO_SCOPE, type ZoneRouter } from "./zone_router.ts";

/** Of a message that is no query; counted as `other`. */
const TYPE_UNKNOWN = 0;

/**
 * Handles the query of `length` bytes at `offset`.
 *
 * @param zones of the listener that it came in by.
 * @param target where an answer may be written: 4-aligned, with room for `limitBytesMax`.
 * @param limitBytesMax the most that the transport can carry; by UDP the client may take less.
 * @returns the length of the answer, or NO_ANSWER, or ANSWER_LATER.
 */
export function handleQuery(
  plane: Plane,
  zones: ZoneRouter,
  offset: number,
  length: number,
  target: number,
  limitBytesMax: number,
): number {
  const { query } = plane;
  plane.client.queryBytes = length;
  const code = readQuery(plane.bytes, plane.view, offset, length, plane.hashSeed, query);
  return answerQuery(plane, code, routeQuery(zones, code, query), target, limitBytesMax);
}

/** The scope of a query of which `readQuery` said `code`; NO_SCOPE when no zone takes it. */
export function routeQuery(zones: ZoneRouter, code: number, query: Query): number {
  if (code !== QUERY_OK) return NO_SCOPE;
  // Zone transfers are for authoritative servers (RFC 5936 §2.2).
  if (isTransfer(query.type)) return NO_SCOPE;
  return zones.find(query.nameBytes, query.nameLength, query.labels, query.labelCount);
}

/** Handles `plane.query`, of which `readQuery` said `code` and `routeQuery` `scope`. */
export function answerQuery(
  plane: Plane,
  code: number,
  scope: number,
  target: number,
  limitBytesMax: number,
): number {
  const { query } = plane;
  const limitBytes =
    plane.client.transport === TRANSPORT_UDP && query.udpSizeBytes < limitBytesMax
      ? query.udpSizeBytes
      : limitBytesMax;
  if (plane.viewChoice !== null && code === QUERY_OK) scope = plane.viewChoice.choose(scope);
  plane.client.scope = scope;
  if (code !== QUERY_OK) return rejectQuery(plane, code, target, limitBytes);
  if (scope === NO_SCOPE || query.class !== CLASS_IN) {
    if (asksForUs(plane)) return answerOfUs(plane, target, limitBytes);
    // Other classes are for authoritative servers (RFC 8906), unless a plugin thinks otherwise.
    if (scope === NO_SCOPE || !plane.views[plane.scopeViews[scope]!]!.front?.wants(plane)) {
      plane.counters[COUNTER.answersRefused]! += 1;
      plane.client.scope = NO_SCOPE;
      return writeDropped(plane, query.type, RCODE_REFUSED, target, limitBytes);
    }
  }
  const view = plane.views[plane.scopeViews[scope]!]!;
  if (view.front?.wants(plane)) {
    const begun = startExchange(plane, view, answerFromView);
    if (begun === ANSWER_LATER) return ANSWER_LATER;
    plane.counters[COUNTER.shedWaiters]! += 1;
    const { words } = plane;
    const length = writeError(words, plane.view, target, limitBytes, query, RCODE_SERVFAIL);
    if (view.counts) noteRefusal(plane, target, length);
    return length;
  }
  const isWithin = limitBytes <= view.udpBytesMax || plane.client.transport !== TRANSPORT_UDP;
  return answerFromView(plane, view, target, isWithin ? limitBytes : view.udpBytesMax);
}

/** Answers `plane.query` from the cache of `view`, or from what is behind it. */
function answerFromView(plane: Plane, view: View, target: number, limitBytes: number): number {
  if (view.gates !== null) {
    const denied = answerAtGate(plane, view, view.gates, target, limitBytes);
    if (denied !== NO_ANSWER) return denied;
  }
  const variant = variantOf(plane.query);
  const { policy } = view;
  const cached = policy !== null && view.caches(plane.query);
  if (cached) {
    const answered = answerFromCache(plane, view.id, variant, policy.keepTtl, target, limitBytes);
    if (answered > NO_ANSWER) {
      let length = answered;
      plane.counters[COUNTER.hits]! += 1;
      if (plane.cache.kind !== KIND_SUCCESS) length = noteDenial(plane, target, length, limitBytes);
      length = orderAnswer(plane, view, target, length, limitBytes);
      length = amendAnswer(plane, view, target, length, limitBytes);
      if (view.counts) noteHit(plane, target, length);
      if (view.logClasses !== 0) logAtOnce(plane, view, target, length);
      if (policy.prefetch !== null) prefetch(plane, view, policy.prefetch, variant);
      return length;
    }
    if (answered === ANSWER_EXPIRED && policy.staleSec !== 0) {
      return answerExpired(plane, view, policy, variant, target, limitBytes);
    }
  }
  plane.counters[COUNTER.misses]! += 1;
  if (view.counts && cached) countMiss(plane);
  const refused = handleMiss(plane, view, variant, cached, target, limitBytes);
  if (refused > 0 && view.counts) noteRefusal(plane, target, refused);
  if (refused > 0 && view.logClasses !== 0) logAtOnce(plane, view, target, refused);
  return refused;
}

/** Bits of the cache key that come from the header and EDNS flags. */
export function variantOf(query: Query): number {
  return (
    (query.dnssecOk === 0 ? 0 : VARIANT_DNSSEC_OK) |
    (query.checkingDisabled === 0 ? 0 : VARIANT_CHECKING_DISABLED) |
    (query.recursionDesired === 0 ? VARIANT_NO_RECURSION : 0)
  );
}

/** Fast path: an answer that is in the cache; ANSWER_EXPIRED, or NO_ANSWER when there is none. */
function answerFromCache(
  plane: Plane,
  viewId: number,
  variant: number,
  keepTtl: boolean,
  target: number,
  limitBytes: number,
): number {
  const { cache, query } = plane;
  const { name, nameLength, hash, type } = query;
  const entry = cache.find(name, nameLength, hash, type, query.class, variant, viewId);
  if (entry === NOT_CACHED) return NO_ANSWER;
  if (cache.expiresAtSec <= plane.nowSec) return ANSWER_EXPIRED;
  // The fields that `find` has read are used, and no others: another worker may be writing.
  const answered = writeAnswer(
    cache.words,
    cache.view,
    cache.messageOffset,
    cache.messageLength,
    cache.ttlsOffset,
    cache.ttlCount,
    keepTtl ? 0 : plane.nowSec - cache.storedAtSec,
    plane.words,
    plane.view,
    target,
    limitBytes,
    query,
  );
  if (!cache.isStill(entry)) return NO_ANSWER;
  if (answered < cache.messageLength) plane.counters[COUNTER.answersTruncated] += 1;
  return answered;
}

function isTransfer(type: number): boolean {
  return type === TYPE_AXFR || type === TYPE_IXFR;
}

function rejectQuery(plane: Plane, code: number, target: number, limitBytes: number): number {
  const { counters } = plane;
  switch (code) {
    case QUERY_SHORT:
      counters[COUNTER.dropShort]! += 1;
      return NO_ANSWER;
    case QUERY_IS_REPLY:
      // Answering an answer could go on for ever between two servers.
      counters[COUNTER.dropReply]! += 1;
      return NO_ANSWER;
    case QUERY_OPCODE:
      counters[COUNTER.answersNotimp]! += 1;
      return writeDropped(plane, TYPE_UNKNOWN, RCODE_NOTIMP, target, limitBytes);
    case QUERY_VERSION:
      counters[COUNTER.answersBadvers]! += 1;
      return writeDropped(plane, TYPE_UNKNOWN, RCODE_BADVERS, target, limitBytes);
    case QUERY_FORMAT:
      counters[COUNTER.answersFormerr]! += 1;
      return writeDropped(plane, TYPE_UNKNOWN, RCODE_FORMERR, target, limitBytes);
    default:
      throw new RangeError("Cannot reject a query: unknown code");
  }
}

/** An error that no server block gives; `type` is the question's, if that could be read. */
function writeDropped(
  plane: Plane,
  type: number,
  rcode: number,
  target: number,
  limitBytes: number,
): number {
  const length = writeError(plane.words, plane.view, target, limitBytes, plane.query, rcode);
  if (plane.countsDropped) {
    countAnswer(plane, type, rcode, target, length, plane.nowMs, ANSWERED_BY_NONE);
  }
  return length;
}

// Hot path.
/**
 * Counts an answer that is given, and the query that it is given to, for the plugin `prometheus`.
 *
 * A hit costs five additions in memory: what nearly every query is (small, and answered in the turn
 * that it came in) is not counted but is the rest, see handoff/metrics_memory.ts. Times are those
 * of the turn's clock, so what is answered at once has taken none.
 */

import { ANSWERED_BY_CACHE } from "../handoff/answerers.ts";
import {
  RCODE_OTHER,
  RCODES,
  REQUESTS_PER_FAMILY,
  REQUESTS_PER_PROTOCOL,
  SCOPE_ANSWER_SIZES,
  SCOPE_CACHE_DROPS,
  SCOPE_DO,
  SCOPE_DOUBLES,
  SCOPE_HITS_DENIAL,
  SCOPE_HITS_SUCCESS,
  SCOPE_MISSES,
  SCOPE_PREFETCHES,
  SCOPE_REQUEST_SIZES,
  SCOPE_REQUESTS,
  SCOPE_RESPONSES,
  SCOPE_SERVED_STALE,
  SCOPE_TIMES,
  SIZE_BOUNDS,
  SIZE_BUCKETS,
  SIZE_DOUBLES,
  SIZE_USUAL_BYTES_MAX,
  TIME_BUCKETS,
  TIME_FIRST_SEC,
  TYPE_INDEX,
  TYPES_KNOWN,
} from "../handoff/metrics_memory.ts";
import { SCOPES_MAX } from "../limits.ts";
import { SOCKADDR_IN6_BYTES } from "../sys/layout.ts";
import { HEADER_ANCOUNT, HEADER_FLAGS, RCODE_MASK, RCODE_NOERROR } from "../wire/constants.ts";
import { TRANSPORT_UDP } from "./client.ts";
import type { Plane } from "./plane.ts";
import { NO_SCOPE } from "./zone_router.ts";

const MS_PER_SEC = 1000;

/**
 * Counts the answer of `lengthBytes` bytes at `offset` to `plane.query` of `plane.client`, which is
 * not a plugin.
 *
 * @param type of the question.
 * @param rcode the whole of it; RCODE_FROM_ANSWER to take it from the answer.
 * @param by ANSWERED_BY_…, see handoff/answerers.ts.
 */
export function countAnswer(
  plane: Plane,
  type: number,
  rcode: number,
  offset: number,
  lengthBytes: number,
  startedMs: number,
  by: number,
): void {
  const { client } = plane;
  const rows = plane.metrics.scopes;
  const row = rowOf(plane);
  const protocol = client.transport === TRANSPORT_UDP ? 0 : 1;
  const family = client.nameBytes === SOCKADDR_IN6_BYTES ? 1 : 0;
  const typeIndex = type < TYPES_KNOWN ? TYPE_INDEX[type]! : 0;
  rows[
    row +
      SCOPE_REQUESTS +
      protocol * REQUESTS_PER_PROTOCOL +
      family * REQUESTS_PER_FAMILY +
      typeIndex
  ]! += 1;
  const code = rcode === RCODE_FROM_ANSWER ? plane.bytes[offset + FLAGS_LOW]! & RCODE_MASK : rcode;
  const known = code < RCODE_OTHER ? code : RCODE_OTHER;
  rows[row + SCOPE_RESPONSES + by * RCODES + known]! += 1;
  if (plane.query.dnssecOk !== 0) rows[row + SCOPE_DO]! += 1;
  countSize(rows, row + SCOPE_REQUEST_SIZES + protocol * SIZE_DOUBLES, client.queryBytes);
  countSize(rows, row + SCOPE_ANSWER_SIZES + protocol * SIZE_DOUBLES, lengthBytes);
  if (plane.nowMs > startedMs) countTime(rows, row + SCOPE_TIMES, plane.nowMs - startedMs);
}

/** In place of an RCODE: it is below 16, in the answer's header. */
export const RCODE_FROM_ANSWER = -1;

const FLAGS_LOW = HEADER_FLAGS + 1;

/**
 * Counts a hit: `plane.query` is answered from the cache by the `lengthBytes` bytes at `offset`.
 *
 * The same as `countAnswer()` and one more, in one go: with the two of them it took twice as long.
 */
export function countHit(plane: Plane, offset: number, lengthBytes: number): void {
  const { client, query, bytes } = plane;
  const rows = plane.metrics.scopes;
  const row = rowOfScope(client.scope);
  const protocol = client.transport;
  const type = query.type;
  const request =
    protocol * REQUESTS_PER_PROTOCOL +
    (client.nameBytes === SOCKADDR_IN6_BYTES ? REQUESTS_PER_FAMILY : 0) +
    (type < TYPES_KNOWN ? TYPE_INDEX[type]! : 0);
  rows[row + SCOPE_REQUESTS + request]! += 1;
  const rcode = bytes[offset + FLAGS_LOW]! & RCODE_MASK;
  rows[row + SCOPE_RESPONSES + ANSWERED_BY_CACHE * RCODES + rcode]! += 1;
  if (query.dnssecOk !== 0) rows[row + SCOPE_DO]! += 1;
  const sizes = row + protocol * SIZE_DOUBLES;
  const queryBytes = client.queryBytes;
  rows[sizes + SCOPE_REQUEST_SIZES + SIZE_BUCKETS]! += queryBytes;
  if (queryBytes > SIZE_USUAL_BYTES_MAX) {
    rows[sizes + SCOPE_REQUEST_SIZES + sizeBucket(queryBytes)]! += 1;
  }
  rows[sizes + SCOPE_ANSWER_SIZES + SIZE_BUCKETS]! += lengthBytes;
  if (lengthBytes > SIZE_USUAL_BYTES_MAX) {
    rows[sizes + SCOPE_ANSWER_SIZES + sizeBucket(lengthBytes)]! += 1;
  }
  if (rcode !== RCODE_NOERROR || isWithoutAnswers(bytes, offset))
    rows[row + SCOPE_HITS_DENIAL]! += 1;
  else rows[row + SCOPE_HITS_SUCCESS]! += 1;
}

/** The same when it is a plugin that asks: its client is answered later. */
export function countPluginHit(plane: Plane, offset: number): void {
  const { bytes } = plane;
  const isDenial =
    (bytes[offset + FLAGS_LOW]! & RCODE_MASK) !== RCODE_NOERROR || isWithoutAnswers(bytes, offset);
  plane.metrics.scopes[rowOf(plane) + (isDenial ? SCOPE_HITS_DENIAL : SCOPE_HITS_SUCCESS)]! += 1;
}

function isWithoutAnswers(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset + HEADER_ANCOUNT + 1] === 0 && bytes[offset + HEADER_ANCOUNT] === 0;
}

/** Counts a question that the cache has no answer to. */
export function countMiss(plane: Plane): void {
  plane.metrics.scopes[rowOf(plane) + SCOPE_MISSES]! += 1;
}

/** Counts a refresh ahead of time, for the question of `plane.query`. */
export function countPrefetch(plane: Plane): void {
  plane.metrics.scopes[rowOf(plane) + SCOPE_PREFETCHES]! += 1;
}

/** Counts an answer that was given though it had expired. */
export function countServedStale(plane: Plane): void {
  plane.metrics.scopes[rowOf(plane) + SCOPE_SERVED_STALE]! += 1;
}

/** Counts an answer for `scope` that could not be kept. */
export function countCacheDrop(plane: Plane, scope: number): void {
  plane.metrics.scopes[rowOfScope(scope) + SCOPE_CACHE_DROPS]! += 1;
}

/**
 * Counts `ms` milliseconds in the histogram at `at`.
 *
 * Bucket n, of up to 0.00025 · 2^n seconds, is the number of bits of the ratio, rounded up, less
 * one.
 */
export function countTime(rows: Float64Array, at: number, ms: number): void {
  const seconds = ms / MS_PER_SEC;
  rows[at + TIME_BUCKETS]! += seconds;
  if (seconds <= TIME_FIRST_SEC) return;
  const ratio = Math.ceil(seconds / TIME_FIRST_SEC) - 1;
  const bucket = BITS - Math.clz32(ratio);
  rows[at + (bucket < TIME_BUCKETS ? bucket : TIME_BUCKETS - 1)]! += 1;
}

const BITS = 32;

function countSize(rows: Float64Array, at: number, bytes: number): void {
  rows[at + SIZE_BUCKETS]! += bytes;
  if (bytes > SIZE_USUAL_BYTES_MAX) rows[at + sizeBucket(bytes)]! += 1;
}

function sizeBucket(bytes: number): number {
  let bucket = 2;
  while (bucket < SIZE_BUCKETS - 1 && bytes > SIZE_BOUNDS[bucket]!) bucket += 1;
  return bucket;
}

function rowOf(plane: Plane): number {
  const { scope, listener } = plane.client;
  return rowOfScope(scope === NO_SCOPE ? plane.listeners.droppedScopes[listener]! : scope);
}

/** As `scopeRow()`. */
function rowOfScope(scope: number): number {
  return (scope < SCOPES_MAX ? scope : SCOPES_MAX) * SCOPE_DOUBLES;
}

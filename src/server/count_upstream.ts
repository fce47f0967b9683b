// Hot path.
/** Counts what is asked of upstreams and how they answer, see handoff/metrics_memory.ts. */

import {
  RCODE_OTHER,
  TIME_BUCKET_USUAL,
  TIME_DOUBLES,
  UPSTREAM_CHECKS_FAILED,
  UPSTREAM_DOUBLES,
  UPSTREAM_OPENED,
  UPSTREAM_QUERIES,
  UPSTREAM_REUSED,
  UPSTREAM_TIMES,
} from "../handoff/metrics_memory.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { countTime } from "./count_answer.ts";
import type { Plane } from "./plane.ts";

/** In UPSTREAM_PROTOCOLS; those before are CHANNEL_UDP and CHANNEL_TCP. */
const PROTOCOL_TLS = 2;
const MS_PER_FIRST_BUCKET = 0.25;

/** Counts a query of a client that leaves for `upstream` by `channel`. */
export function countAsked(plane: Plane, upstream: number, channel: number): void {
  const { channels } = plane;
  const known = plane.upstreams[upstream]!;
  const rows = plane.metrics.upstreams;
  const row = known.metricsRow * UPSTREAM_DOUBLES;
  rows[row + UPSTREAM_QUERIES]! += 1;
  const protocol = known.settings.tls === null ? channels.kinds[channel]! : PROTOCOL_TLS;
  rows[
    row + (channels.queryCounts[channel] === 1 ? UPSTREAM_OPENED : UPSTREAM_REUSED) + protocol
  ]! += 1;
}

/** Counts a reply to such a query, `roundTripMs` after it. */
export function countReplied(
  plane: Plane,
  upstream: Upstream,
  rcode: number,
  roundTripMs: number,
): void {
  const rows = plane.metrics.upstreams;
  const known = rcode < RCODE_OTHER ? rcode : RCODE_OTHER;
  const at = upstream.metricsRow * UPSTREAM_DOUBLES + UPSTREAM_TIMES + known * TIME_DOUBLES;
  countTime(rows, at, roundTripMs);
  if (roundTripMs <= MS_PER_FIRST_BUCKET) rows[at + TIME_BUCKET_USUAL]! += 1;
}

/** Counts a health probe that was not answered. */
export function countCheckFailed(plane: Plane, upstream: Upstream): void {
  const row = upstream.metricsRow * UPSTREAM_DOUBLES;
  plane.metrics.upstreams[row + UPSTREAM_CHECKS_FAILED]! += 1;
}

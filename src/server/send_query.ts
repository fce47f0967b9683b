// Hot path.
/** A query on its way out: by which channel, under which id, and its bytes. */

import { CHANNEL_TCP } from "../upstream/channels.ts";
import { writeQuery } from "../wire/answer.ts";
import { appendOptions } from "../wire/query_options.ts";
import type { Plane } from "./plane.ts";

/** Draws of an id that no query in flight on the channel has; one nearly always does. */
const ID_TRIES_MAX = 64;
export const NO_ID = -1;

/** A channel for a query to `upstream`, or NO_CHANNEL. */
export function chooseChannel(plane: Plane, upstream: number, overTcp: boolean): number {
  const known = plane.upstreams[upstream]!;
  if (overTcp || known.isStream) return plane.tcpChannels.choose(upstream, known, plane.nowMs);
  return plane.udpChannels.choose(upstream, known, plane.turn, plane.nowMs);
}

/** Puts a query with this question into what `channel` sends at the end of the turn. */
export function writeTo(
  plane: Plane,
  channel: number,
  upstream: number,
  id: number,
  question: number,
  lengthBytes: number,
  flags: number,
  dnssecOk: number,
  udpBytes: number,
  withOpt: number,
  options: Uint8Array | null,
): boolean {
  const { channels } = plane;
  const overTcp = channels.kinds[channel] === CHANNEL_TCP;
  const batch = plane.upstreamBatches[upstream]!;
  const target = overTcp ? plane.queryScratch : batch.buffer(channels.fds[channel]!);
  let length = writeQuery(
    plane.words,
    plane.view,
    target,
    id,
    question,
    lengthBytes,
    flags,
    dnssecOk,
    udpBytes,
    withOpt,
  );
  const known = plane.upstreams[upstream]!;
  if (options !== null && withOpt === 1) {
    length = appendOptions(plane.bytes, plane.view, target, length, options);
  }
  if (overTcp) {
    if (!plane.tcpChannels.append(channel, target, length)) return false;
    known.tcpQueryCount += 1;
  } else {
    batch.commit(length, 0, 0, 0, 0);
    known.udpQueryCount += 1;
  }
  channels.queryCounts[channel]! += 1;
  return true;
}

/** An id that no query in flight on `channel` has; NO_ID when none was drawn. */
export function freeId(plane: Plane, channel: number): number {
  for (let tries = 0; tries < ID_TRIES_MAX; tries++) {
    const id = plane.random.uint16();
    if (!plane.pending.hasAttempt(channel, id)) return id;
  }
  return NO_ID;
}

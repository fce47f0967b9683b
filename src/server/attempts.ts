// Hot path.
/** The book-keeping around attempts that asking and finishing share. */

import { REASON_DOWN, REASON_UP } from "../handoff/records.ts";
import { CHANNEL_TCP, NO_CHANNEL } from "../upstream/channels.ts";
import { countCheckFailed, countReplied } from "./count_upstream.ts";
import { logHealth } from "./log_answer.ts";
import type { Plane } from "./plane.ts";

/** Ends an attempt, if it is not over already, and lets its channel go when it was the last. */
export function endAttempt(plane: Plane, attempt: number): void {
  const channel = plane.pending.endAttempt(attempt);
  if (channel === NO_CHANNEL) return;
  const { channels } = plane;
  channels.inFlightCounts[channel]! -= 1;
  if (channels.inFlightCounts[channel] !== 0) return;
  channels.idleMs[channel] = plane.nowMs;
  if (channels.kinds[channel] === CHANNEL_TCP) plane.tcpChannels.closeIfDone(channel);
  else plane.udpChannels.closeIfDone(channel);
}

/**
 * Takes a TCP connection out of use on which nothing has come since an unanswered query was sent.
 *
 * Where packets go into a hole without a word (a pod behind a ClusterIP is gone, a firewall has
 * forgotten the connection), the kernel tries for a quarter of an hour before it says so; every
 * question would be lost until then. Replies that come by it after all still count.
 *
 * @param attempt one that is not over.
 */
export function leaveSilentConnection(plane: Plane, attempt: number, sentMs: number): void {
  const { channels, tcpChannels } = plane;
  const channel = plane.pending.channelOf(attempt);
  if (channels.kinds[channel] !== CHANNEL_TCP || channels.retiring[channel] === 1) return;
  // One that is not made yet has a time-out of its own.
  if (!tcpChannels.isConnected(channel)) return;
  if (channels.heardMs[channel]! <= sentMs) tcpChannels.retire(channel);
}

/** Counts a failure of an upstream. */
export function noteFailure(plane: Plane, upstream: number): void {
  const known = plane.upstreams[upstream];
  if (known.noteFailure(plane.nowMs)) logHealth(plane, known.nameBytes, REASON_DOWN);
}

/** A health probe was not answered. */
export function noteProbeFailure(plane: Plane, upstream: number): void {
  countCheckFailed(plane, plane.upstreams[upstream]!);
  noteFailure(plane, upstream);
}

/** An upstream has answered a question, as `plane.reply` says, `roundTripMs` after it was asked. */
export function noteReply(plane: Plane, upstream: number, roundTripMs: number): void {
  const known = plane.upstreams[upstream];
  countReplied(plane, known, plane.reply.rcode, roundTripMs);
  if (known.noteReply(roundTripMs)) logHealth(plane, known.nameBytes, REASON_UP);
}

/** An upstream has answered a health probe. */
export function noteAlive(plane: Plane, upstream: number): void {
  const known = plane.upstreams[upstream];
  if (known.noteAlive()) logHealth(plane, known.nameBytes, REASON_UP);
}

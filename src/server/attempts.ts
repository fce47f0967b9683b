// Hot path.
/** The book-keeping around attempts that asking and finishing share. */

import { CHANNEL_TCP, NO_CHANNEL } from "../upstream/channels.ts";
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

/** Counts a failure of an upstream. */
export function noteFailure(plane: Plane, upstream: number): void {
  plane.upstreams[upstream]!.noteFailure(plane.nowMs);
}

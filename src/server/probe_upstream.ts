// Hot path.
/** Questions that we ask for ourselves: is an upstream alive, does it lead back here. */

import { PROBE_TIMEOUT_MS, UDP_ANSWER_BYTES_MAX } from "../limits.ts";
import { NO_CHANNEL } from "../upstream/channels.ts";
import { NO_ATTEMPT } from "../upstream/pending.ts";
import { FLAG_RD } from "../wire/constants.ts";
import { endAttempt, leaveSilentConnection, noteProbeFailure } from "./attempts.ts";
import type { Plane } from "./plane.ts";
import { chooseChannel, freeId, NO_ID, writeTo } from "./send_query.ts";

/**
 * Sends a health probe (`. NS` unless configured) to an upstream that has failed, unless the one
 * before may still be answered: the upstream may be further away than the time between probes.
 */
export function probe(plane: Plane, upstream: number): void {
  const { pending } = plane;
  const known = plane.upstreams[upstream]!;
  const before = pending.probeOf(upstream);
  if (pending.attemptKeys[before] !== NO_ATTEMPT) {
    if (plane.nowMs - known.probeSentMs < PROBE_TIMEOUT_MS) return;
    leaveSilentConnection(plane, before, known.probeSentMs);
    endAttempt(plane, before);
    noteProbeFailure(plane, upstream);
    known.probeFailureCount += 1;
  }
  const flags = known.settings.healthCheck.recursionDesired ? FLAG_RD : 0;
  sendProbe(plane, upstream, plane.probeOffsets[upstream]!, plane.probeLengths[upstream]!, flags);
}

/**
 * Asks `upstream` a question that we may be asked in turn, see loop_watch.ts; not while a probe is
 * under way, whose reply would be taken for this one's.
 *
 * @param isDue called when it can be sent.
 */
export function askForLoop(
  plane: Plane,
  upstream: number,
  offset: number,
  lengthBytes: number,
  isDue: () => boolean,
): void {
  if (plane.pending.attemptKeys[plane.pending.probeOf(upstream)] !== NO_ATTEMPT || !isDue()) return;
  sendProbe(plane, upstream, offset, lengthBytes, FLAG_RD);
}

function sendProbe(
  plane: Plane,
  upstream: number,
  offset: number,
  lengthBytes: number,
  flags: number,
): void {
  const known = plane.upstreams[upstream]!;
  const channel = chooseChannel(plane, upstream, false);
  if (channel === NO_CHANNEL) return;
  const id = freeId(plane, channel);
  if (id === NO_ID) return;
  const withOpt = known.speaksEdns(plane.nowMs) ? 1 : 0;
  const udpBytes = UDP_ANSWER_BYTES_MAX;
  const dnssecOk = 0;
  const sent = writeTo(
    plane,
    channel,
    upstream,
    id,
    offset,
    lengthBytes,
    flags,
    dnssecOk,
    udpBytes,
    withOpt,
    null,
  );
  if (!sent) return;
  known.probeSentMs = plane.nowMs;
  plane.pending.beginProbe(upstream, channel, id);
  plane.channels.inFlightCounts[channel]! += 1;
}

// Hot path.
/** What happens on sockets towards upstreams: replies, errors, connections made and lost. */

import { COUNTER } from "../handoff/counters.ts";
import { REASON_REFUSED, REASON_UNREACHABLE } from "../handoff/records.ts";
import { ATTEMPTS_MAX, UDP_BATCH } from "../limits.ts";
import { EAGAIN, ECONNREFUSED } from "../sys/errno.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../sys/layout.ts";
import { NO_CHANNEL } from "../upstream/channels.ts";
import { NO_ATTEMPT } from "../upstream/pending.ts";
import { TCP_OVER, TCP_READ } from "../upstream/tcp_inbox.ts";
import { askAgain } from "./ask.ts";
import { endAttempt, noteFailure } from "./attempts.ts";
import { countCheckFailed } from "./count_upstream.ts";
import { handleReply } from "./handle_reply.ts";
import type { Plane } from "./plane.ts";

/** An end of a connection that no error number tells of. */
const NO_ERRNO = 0;

/** Reads replies from a UDP socket, or the error that ICMP left there. */
export function handleUdpChannel(plane: Plane, channel: number, generation: number): void {
  const { channels, received } = plane;
  if (!isCurrent(plane, channel, generation)) return;
  const count = received.receive(channels.fds[channel]!, channels.inFlightCounts[channel]! > 1);
  if (count < 0) {
    if (count !== -EAGAIN) handleLoss(plane, channel, -count);
    return;
  }
  for (let row = 0; row < Math.min(count, UDP_BATCH); row++) {
    handleReply(plane, channel, received.bufferOffset(row), received.lengthBytes(row));
    // The last reply may have been what a retiring channel was waiting for.
    if (!isCurrent(plane, channel, generation)) return;
  }
}

/** Reads replies from a TCP connection, goes on sending, or notices its end. */
export function handleTcpChannel(
  plane: Plane,
  channel: number,
  generation: number,
  events: number,
): void {
  const { tcpChannels } = plane;
  if (!isCurrent(plane, channel, generation)) return;
  if ((events & (EPOLLOUT | EPOLLERR)) !== 0 && tcpChannels.handleWritable(channel) === TCP_OVER) {
    noteErrno(plane, channel, plane.channels.lastErrno);
    handleTcpEnd(plane, channel, true);
    return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) === 0) return;
  const code = tcpChannels.handleReadable(channel);
  if (code === TCP_OVER) {
    const isFailure = isUseless(plane, channel);
    if (isFailure) noteErrno(plane, channel, NO_ERRNO);
    handleTcpEnd(plane, channel, isFailure);
    return;
  }
  if (code !== TCP_READ) return;
  for (;;) {
    const length = tcpChannels.nextMessage(channel);
    if (length === 0) return;
    // Whole messages only: bytes that are no DNS may look like a long one that never ends, and
    // would swallow every reply after them.
    plane.channels.heardMs[channel] = plane.nowMs;
    handleReply(plane, channel, tcpChannels.messageOffset, length);
    if (!isCurrent(plane, channel, generation)) return;
  }
}

/** Once a second: closes what is idle or old, gives up connections that are not made. */
export function sweepChannels(plane: Plane): void {
  endIdleProbes(plane);
  plane.udpChannels.sweep(plane.nowMs);
  for (;;) {
    const channel = plane.tcpChannels.overdue(plane.upstreams, plane.nowMs);
    if (channel === NO_CHANNEL) return;
    handleTcpEnd(plane, channel, !plane.tcpChannels.isConnected(channel));
  }
}

/**
 * A probe that was lost would keep its channel open: nobody looks at it once the upstream is up.
 */
function endIdleProbes(plane: Plane): void {
  for (let upstream = 0; upstream < plane.upstreams.length; upstream++) {
    if (plane.upstreams[upstream]!.failCount !== 0) continue;
    endAttempt(plane, plane.pending.probeOf(upstream));
  }
}

/** Closes every socket towards upstreams, at the end of a plane. */
export function closeChannels(plane: Plane): void {
  const { channels } = plane;
  for (let channel = 0; channel < channels.fds.length; channel++) {
    if (channels.isOpen(channel)) plane.kernel.close(channels.fds[channel]);
    channels.fds[channel] = -1;
  }
}

/** The port is closed or the host is gone: nothing asked by this socket will be answered. */
function handleLoss(plane: Plane, channel: number, errno: number): void {
  noteErrno(plane, channel, errno);
  plane.counters[COUNTER.upstreamErrors]! += 1;
  noteFailure(plane, plane.channels.upstreams[channel]!);
  plane.udpChannels.retire(channel);
  failAttempts(plane, channel);
}

/** Whether a connection ends that was asked something and never said anything. */
function isUseless(plane: Plane, channel: number): boolean {
  const { channels } = plane;
  return channels.inFlightCounts[channel]! > 0 && !channels.hasHeard(channel);
}

/** For the log: what went wrong last with the upstream of `channel`. */
function noteErrno(plane: Plane, channel: number, errno: number): void {
  const upstream = plane.upstreams[plane.channels.upstreams[channel]!]!;
  upstream.lastFailure = errno === ECONNREFUSED ? REASON_REFUSED : REASON_UNREACHABLE;
}

/**
 * @param isFailure false when a connection that worked was closed by the other side, as servers do
 * with idle ones: what was in flight is asked again and nobody is to blame.
 */
function handleTcpEnd(plane: Plane, channel: number, isFailure: boolean): void {
  if (isFailure) {
    plane.counters[COUNTER.upstreamErrors]! += 1;
    noteFailure(plane, plane.channels.upstreams[channel]!);
  }
  plane.tcpChannels.retire(channel);
  failAttempts(plane, channel);
}

/** Ends every attempt on `channel` and asks again where the question still waits. */
function failAttempts(plane: Plane, channel: number): void {
  const { pending, channels } = plane;
  const { attemptKeys } = pending;
  for (let attempt = 0; attempt < attemptKeys.length; attempt++) {
    if (attemptKeys[attempt] === NO_ATTEMPT || attemptKeys[attempt]! >> 16 !== channel) continue;
    // The channel closes with its last attempt; its number may be another's right after.
    const isLast = channels.inFlightCounts[channel] === 1;
    endAttempt(plane, attempt);
    const probed = pending.probedUpstream(attempt);
    if (probed < 0) askAgain(plane, Math.floor(attempt / ATTEMPTS_MAX));
    else countCheckFailed(plane, plane.upstreams[probed]!);
    if (isLast) return;
  }
}

function isCurrent(plane: Plane, channel: number, generation: number): boolean {
  return plane.channels.isOpen(channel) && plane.channels.generation(channel) === generation;
}

// Hot path.
/**
 * Queries by TCP: read, cut into messages, handled, answered.
 *
 *   event ── receive ── handleInput ─┬─ answer now ── stage ── one write per connection and event
 *                                    └─ answer later
 *   deliver_tcp ── block ── flushTcp, once a turn ── one write per connection
 *
 * Messages are handled where they were read and answered in any order (RFC 7766 §6.2.1.1). A
 * connection that may ask no more for now is not read; what it has sent is its "rest", handled by
 * `flushTcp` or when its socket takes answers again.
 */

import { COUNTER } from "../handoff/counters.ts";
import { TCP_CLIENT_IDLE_MS_MIN, TCP_CLIENTS_MAX, TCP_MESSAGE_BYTES_MAX } from "../limits.ts";
import { EAGAIN, EINTR } from "../sys/errno.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP } from "../sys/layout.ts";
import {
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_ID,
  HEADER_NSCOUNT,
  HEADER_QDCOUNT,
  RCODE_FORMERR,
} from "../wire/constants.ts";
import { ANSWER_LATER, NO_ANSWER } from "./answer_codes.ts";
import { TRANSPORT_TCP } from "./client.ts";
import { sendBlock, sendStage } from "./deliver_tcp.ts";
import { handleQuery } from "./handle_query.ts";
import type { Plane } from "./plane.ts";
import { TCP_QUERY_BYTES_MAX } from "./tcp_input.ts";
import { PREFIX_BYTES } from "./tcp_output.ts";

/** Connections that one listener may hand in before the others have their turn. */
const ACCEPTS_PER_TURN_MAX = 64;

/** Takes connections that wait at a listener. @returns whether there may be more. */
export function acceptClients(plane: Plane, listenerFd: number, listener: number): boolean {
  for (let count = 0; count < ACCEPTS_PER_TURN_MAX; count++) {
    if (!plane.tcpClients.accept(listenerFd, listener, plane.nowMs)) return false;
  }
  return true;
}

/** Serves a connection of which epoll says `events`. */
export function handleTcpEvent(
  plane: Plane,
  connection: number,
  generation: number,
  events: number,
): void {
  const { tcpClients } = plane;
  if (!tcpClients.isCurrent(connection, generation)) return;
  if ((events & (EPOLLERR | EPOLLHUP)) !== 0) {
    // Reset, or closed in both directions: nobody is there to be answered.
    tcpClients.close(connection);
    return;
  }
  if ((events & EPOLLOUT) !== 0) serve(plane, connection);
  if ((events & (EPOLLIN | EPOLLRDHUP)) === 0) return;
  if (!tcpClients.isCurrent(connection, generation) || !tcpClients.isWatched(connection)) return;
  if (readInput(plane, connection, generation)) tcpClients.settle(connection);
}

/**
 * Sends the late answers of this turn. Connections that had to wait for them go on with what they
 * have sent, so there may be queries for upstreams afterwards.
 */
export function flushTcp(plane: Plane): void {
  const { tcpClients } = plane;
  while (tcpClients.dueCount > 0) {
    const connection = tcpClients.takeDue();
    if (tcpClients.isOpen(connection)) serve(plane, connection);
  }
}

/** Closes what has been idle, incomplete or blocked for too long. To be called once a second. */
export function sweepTcp(plane: Plane): void {
  const { tcpClients, listeners, nowMs } = plane;
  const { input, output } = tcpClients;
  const idleShare = tcpClients.idleShare();
  for (let connection = 0; connection < TCP_CLIENTS_MAX; connection++) {
    if (!tcpClients.isOpen(connection)) continue;
    const listener = tcpClients.listeners[connection]!;
    const readMs = listeners.readMs[listener]!;
    if (output.blockedForMs(connection, nowMs) >= listeners.writeMs[listener]!) {
      tcpClients.closeFor(connection, COUNTER.tcpClosedSlow);
      continue;
    }
    const idleMs = tcpClients.idleForMs(connection, nowMs);
    // While we do not read, it is not the client who keeps us waiting.
    const isPartial =
      tcpClients.isWatched(connection) && input.restForMs(connection, nowMs) >= readMs;
    const isLingering = !tcpClients.isReadable(connection) && idleMs >= readMs;
    const idleMsMax = Math.max(listeners.idleMs[listener]! * idleShare, TCP_CLIENT_IDLE_MS_MIN);
    if (isPartial || isLingering || (idleMs > 0 && idleMs >= idleMsMax)) {
      tcpClients.closeFor(connection, COUNTER.tcpClosedIdle);
    }
  }
}

/** Sends what waits for `connection`, and goes on with its rest if that had to wait. */
function serve(plane: Plane, connection: number): void {
  const { tcpClients, nowMs } = plane;
  const { input } = tcpClients;
  const generation = tcpClients.generation(connection);
  sendBlock(plane, connection);
  if (!tcpClients.isCurrent(connection, generation)) return;
  if (
    input.hasRest(connection) &&
    !tcpClients.isWatched(connection) &&
    tcpClients.mayAsk(connection)
  ) {
    const end = input.restEnd(connection);
    const handled = handleInput(plane, connection, generation, input.restStart(connection), end);
    if (!tcpClients.isCurrent(connection, generation)) return;
    // Also of one that we read no more, unless its rest has been thrown away.
    if (input.hasRest(connection)) input.handled(connection, handled, nowMs);
  }
  tcpClients.settle(connection);
}

/** Reads and handles what has come. @returns false when the connection is closed now. */
export function readInput(plane: Plane, connection: number, generation: number): boolean {
  const { tcpClients, nowMs } = plane;
  const { input } = tcpClients;
  const hadRest = input.hasRest(connection);
  const count = input.receive(connection, tcpClients.fds[connection]!);
  if (count === -EAGAIN || count === -EINTR) return true;
  if (count < 0) {
    tcpClients.close(connection);
    return false;
  }
  if (!tcpClients.isReadable(connection)) {
    // Thrown away; its end is the end of the connection.
    input.clear(connection);
    if (count === 0) tcpClients.close(connection);
    return count !== 0;
  }
  if (count === 0) {
    input.clear(connection);
    tcpClients.finish(connection);
    return true;
  }
  const handled = handleInput(plane, connection, generation, input.start, input.end);
  if (!tcpClients.isCurrent(connection, generation)) return false;
  if (tcpClients.isReadable(connection)) {
    input.keep(connection, handled, !hadRest || handled !== input.start, nowMs);
  }
  return true;
}

/**
 * Handles the whole messages in `[start, end)` of the slab and sends the answers that there are.
 * May close the connection.
 *
 * @returns where the first message begins that is not whole or has to wait.
 */
function handleInput(
  plane: Plane,
  connection: number,
  generation: number,
  start: number,
  end: number,
): number {
  const { tcpClients, view } = plane;
  const { output } = tcpClients;
  let at = start;
  while (end - at >= PREFIX_BYTES && tcpClients.mayAsk(connection)) {
    const length = view.getUint16(at);
    const message = at + PREFIX_BYTES;
    if (length < HEADER_BYTES) {
      // Not DNS, and where the next message begins is anybody's guess.
      plane.counters[COUNTER.dropShort]! += 1;
      tcpClients.close(connection);
      break;
    }
    if (length > TCP_QUERY_BYTES_MAX) {
      if (end - message < HEADER_BYTES) break;
      rejectLong(plane, connection, message);
      break;
    }
    if (end - message < length) break;
    handleMessage(plane, connection, generation, message, length);
    if (!tcpClients.isCurrent(connection, generation)) break;
    at = message + length;
    if (!output.stageHasRoom()) {
      sendStage(plane, connection);
      if (!tcpClients.isCurrent(connection, generation)) break;
    }
  }
  if (!tcpClients.isCurrent(connection, generation)) output.stageClear();
  else if (!output.stageIsEmpty()) sendStage(plane, connection);
  return at;
}

function handleMessage(
  plane: Plane,
  connection: number,
  generation: number,
  message: number,
  length: number,
): void {
  const { tcpClients, client } = plane;
  const { output } = tcpClients;
  const listener = tcpClients.listeners[connection]!;
  client.transport = TRANSPORT_TCP;
  client.listener = listener;
  client.nameOffset = tcpClients.acceptor.nameOffset(connection);
  client.nameBytes = tcpClients.acceptor.nameBytes(connection);
  client.controlBytes = 0;
  client.connection = connection;
  client.generation = generation;
  plane.counters[COUNTER.queriesTcp]! += 1;
  tcpClients.touch(connection, plane.nowMs);
  // Counted beforehand: the answer may be delivered before `handleQuery` says that it will be.
  tcpClients.pendingCounts[connection]! += 1;
  const answered = handleQuery(
    plane,
    plane.listeners.routers[listener]!,
    message,
    length,
    output.stageTarget(),
    TCP_MESSAGE_BYTES_MAX,
  );
  if (answered === ANSWER_LATER || !tcpClients.isCurrent(connection, generation)) return;
  tcpClients.pendingCounts[connection]! -= 1;
  if (answered !== NO_ANSWER) output.stageCommit(answered);
}

/** Answers FORMERR to a message that is too long to be read, and reads no more. */
function rejectLong(plane: Plane, connection: number, message: number): void {
  const { tcpClients, view, counters } = plane;
  const { output } = tcpClients;
  const target = output.stageTarget();
  const flags = view.getUint16(message + HEADER_FLAGS);
  view.setUint16(target + HEADER_ID, view.getUint16(message + HEADER_ID));
  view.setUint16(target + HEADER_FLAGS, FLAG_QR | FLAG_RA | (flags & FLAG_RD) | RCODE_FORMERR);
  view.setUint32(target + HEADER_QDCOUNT, 0);
  view.setUint32(target + HEADER_NSCOUNT, 0);
  output.stageCommit(HEADER_BYTES);
  counters[COUNTER.answersFormerr]! += 1;
  tcpClients.discard(connection, plane.nowMs);
}

// Hot path.
/** Answers on their way into the sockets of TCP clients. */

import { COUNTER } from "../handoff/counters.ts";
import { TCP_OUTPUT_BLOCKS } from "../limits.ts";
import type { Plane } from "./plane.ts";
import { OUTPUT_BLOCKED, OUTPUT_FULL, OUTPUT_SENT } from "./tcp_output.ts";

/** Blocks that slow clients may hold; the others are for late answers. */
const BLOCKED_MAX = TCP_OUTPUT_BLOCKS >> 1;

/**
 * Hands over an answer that was promised by ANSWER_LATER; every promise is kept, once.
 *
 * @param offset where the answer stands in the slab; it is copied. It is dropped when the client
 * has gone, and so is an answer of 0 bytes.
 */
export function deliverTcp(
  plane: Plane,
  connection: number,
  generation: number,
  offset: number,
  lengthBytes: number,
): void {
  const { tcpClients } = plane;
  if (!tcpClients.isCurrent(connection, generation)) return;
  tcpClients.pendingCounts[connection]! -= 1;
  tcpClients.touch(connection, plane.nowMs);
  tcpClients.markDue(connection);
  if (lengthBytes > 0) queue(plane, connection, generation, offset, lengthBytes);
}

/** Sends what is staged, which is for `connection`. May close it. */
export function sendStage(plane: Plane, connection: number): void {
  const { fds, output } = plane.tcpClients;
  // What the socket does not take needs a block.
  if (output.freeBlockCount === 0) sendDue(plane);
  const fd = fds[connection]!;
  if (fd >= 0) noteSent(plane, connection, output.sendStage(connection, fd, plane.nowMs));
  else output.stageClear();
}

/** Sends from the block of `connection`, if it has one. May close it. */
export function sendBlock(plane: Plane, connection: number): void {
  const { fds, output } = plane.tcpClients;
  if (!output.has(connection)) return;
  noteSent(plane, connection, output.sendBlock(connection, fds[connection]!, plane.nowMs));
}

function queue(
  plane: Plane,
  connection: number,
  generation: number,
  offset: number,
  lengthBytes: number,
): void {
  const { tcpClients } = plane;
  const { output } = tcpClients;
  if (output.append(connection, offset, lengthBytes) === OUTPUT_SENT) return;
  // No block, or no room in it: sending before the end of the turn makes some, unless it is
  // blocked.
  sendDue(plane);
  if (!tcpClients.isCurrent(connection, generation)) return;
  if (output.append(connection, offset, lengthBytes) === OUTPUT_SENT) return;
  tcpClients.closeFor(connection, COUNTER.tcpClosedSlow);
}

/** Sends all late answers so far, which frees their blocks. The connections stay due. */
function sendDue(plane: Plane): void {
  const { tcpClients } = plane;
  for (let index = 0; index < tcpClients.dueCount; index++) {
    const connection = tcpClients.dueAt(index);
    if (!tcpClients.output.isBlocked(connection)) sendBlock(plane, connection);
  }
}

function noteSent(plane: Plane, connection: number, code: number): void {
  const { tcpClients } = plane;
  if (code === OUTPUT_SENT) return;
  if (code === OUTPUT_FULL) {
    tcpClients.closeFor(connection, COUNTER.tcpClosedSlow);
  } else if (code !== OUTPUT_BLOCKED) {
    tcpClients.close(connection);
  } else if (tcpClients.output.blockedCount > BLOCKED_MAX) {
    // Whoever is slowest makes room, so that clients who do read never lack a block.
    tcpClients.closeFor(tcpClients.output.longestBlocked(), COUNTER.tcpClosedSlow);
  }
}

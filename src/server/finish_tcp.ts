/**
 * The end of clients' connections that is not their own doing: a listener goes, or all of us.
 *
 * A connection that is closed while something lies unread on it is reset, and its client loses what
 * it has asked.
 */

import { TCP_CLIENTS_MAX } from "../limits.ts";
import { readInput } from "./handle_tcp.ts";
import type { Plane } from "./plane.ts";

/**
 * Reads no more, and closes each connection as soon as it has got what it has asked for: one that
 * waits for nothing now, so that its client does not lose the next query on it.
 */
export function finishAllTcp(plane: Plane): void {
  const { tcpClients } = plane;
  for (let connection = 0; connection < TCP_CLIENTS_MAX; connection++) {
    if (!tcpClients.isOpen(connection) || !tcpClients.isReadable(connection)) continue;
    tcpClients.finish(connection);
    tcpClients.settle(connection);
  }
}

/**
 * Answers what has come by connections of `listener`, which goes, and closes those that wait for
 * nothing.
 *
 * Others go on: their clients do not know, and would lose what they ask next. Call again.
 *
 * @param isLast from now on, none is read any more.
 * @returns how many there are still.
 */
export function finishListenerTcp(plane: Plane, listener: number, isLast: boolean): number {
  const { tcpClients } = plane;
  let left = 0;
  for (let connection = 0; connection < TCP_CLIENTS_MAX; connection++) {
    if (!tcpClients.isOpen(connection) || tcpClients.listeners[connection] !== listener) continue;
    const generation = tcpClients.generation(connection);
    // Not while it may ask no more for now.
    if (tcpClients.isReadable(connection) && tcpClients.isWatched(connection)) {
      if (!readInput(plane, connection, generation)) continue;
    }
    if (tcpClients.isReadable(connection) && (isLast || isIdle(plane, connection))) {
      tcpClients.finish(connection);
    }
    tcpClients.settle(connection);
    if (tcpClients.isCurrent(connection, generation)) left += 1;
  }
  return left;
}

function isIdle({ tcpClients }: Plane, connection: number): boolean {
  const isWaiting = tcpClients.pendingCounts[connection] !== 0 || tcpClients.output.has(connection);
  return !isWaiting && !tcpClients.input.hasRest(connection);
}

/** Connections that came by listener `from` are those of `to` from now on, and are read again. */
export function moveListenerTcp({ tcpClients }: Plane, from: number, to: number): void {
  const { listeners } = tcpClients;
  for (let connection = 0; connection < TCP_CLIENTS_MAX; connection++) {
    if (!tcpClients.isOpen(connection) || listeners[connection] !== from) continue;
    listeners[connection] = to;
    // If it was its client who has finished, we shall notice.
    tcpClients.finish(connection, false);
    tcpClients.settle(connection);
  }
}

/** Closes the connections that came by `listener`, when it has gone. */
export function closeListenerTcp(plane: Plane, listener: number): void {
  const { tcpClients } = plane;
  for (let connection = 0; connection < TCP_CLIENTS_MAX; connection++) {
    if (!tcpClients.isOpen(connection)) continue;
    if (tcpClients.listeners[connection] === listener) tcpClients.close(connection);
  }
}

/** Closes all connections; none can be accepted afterwards. */
export function closeAllTcp(plane: Plane): void {
  const { tcpClients } = plane;
  for (let connection = 0; connection < TCP_CLIENTS_MAX; connection++) {
    if (tcpClients.isOpen(connection)) tcpClients.close(connection);
  }
  tcpClients.acceptor.close();
}

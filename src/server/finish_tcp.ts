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
 * Answers what has come by connections of `listener`, which goes, and then does the same with them.
 * One of which a part of a message has come, or more than it may ask at once, goes on: call again.
 */
export function finishListenerTcp(plane: Plane, listener: number): void {
  const { tcpClients } = plane;
  for (let connection = 0; connection < TCP_CLIENTS_MAX; connection++) {
    if (!tcpClients.isOpen(connection) || !tcpClients.isReadable(connection)) continue;
    if (tcpClients.listeners[connection] !== listener) continue;
    // Not while it has to wait for answers: it is not read then.
    if (tcpClients.isWatched(connection)) {
      if (!readInput(plane, connection, tcpClients.generation(connection))) continue;
    }
    const isOver = tcpClients.isReadable(connection) && !tcpClients.input.hasRest(connection);
    if (isOver && tcpClients.mayAsk(connection)) tcpClients.finish(connection);
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

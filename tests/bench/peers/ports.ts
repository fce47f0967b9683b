/**
 * Ports for the bench, below the usual ephemeral range, so that no resolver takes one of them as
 * the source of a query of its own.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const FIRST = 15300;
const LAST = 15399;

/** For resolvers that draw their source ports themselves. */
export const OUTGOING_PORTS_AVOIDED = `${FIRST}-${LAST}`;

let next = FIRST;

/**
 * Returns a port that is free on 127.0.0.1 for both UDP and TCP.
 *
 * @throws {Error} when all hundred are taken.
 */
export async function freePort(): Promise<number> {
  for (let tries = FIRST; tries <= LAST; tries++) {
    const port = next;
    next = next === LAST ? FIRST : next + 1;
    if ((await udpIsFree(port)) && (await tcpIsFree(port))) return port;
  }
  throw new Error(`Cannot find a free port: ${OUTGOING_PORTS_AVOIDED} are all taken`);
}

function udpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => resolve(false));
    socket.bind(port, "127.0.0.1", () => socket.close(() => resolve(true)));
  });
}

function tcpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

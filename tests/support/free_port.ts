/** Ports of 127.0.0.1 that nobody has, by UDP and by TCP. */

import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

export interface BoundPort {
  readonly port: number;
  readonly tcp: Server;
  readonly udp: Socket;
}

/**
 * Where free ports are looked for: below those that the kernel gives to sockets which ask for none
 * (32768 on, ip(7)), because tests run side by side and each opens hundreds of such sockets.
 */
const FREE_PORT_MIN = 10_240;
const FREE_PORT_MAX = 32_767;
const TRIES_MAX = 100;

/**
 * The port is free when this returns; nothing keeps it so, but only by chance will another test
 * choose the same one.
 */
export async function freePort(): Promise<number> {
  for (let tried = 1; ; tried++) {
    try {
      const { port, tcp, udp } = await listenOnBoth(randomInt(FREE_PORT_MIN, FREE_PORT_MAX + 1));
      const closed = [once(udp, "close"), once(tcp, "close")];
      udp.close();
      tcp.close();
      await Promise.all(closed);
      return port;
    } catch (error) {
      if (tried === TRIES_MAX) throw error;
    }
  }
}

/**
 * Binds UDP and TCP to the same port; with 0, any that is free by both.
 *
 * @throws {Error} when the port is taken.
 */
export async function listenOnBoth(wanted: number): Promise<BoundPort> {
  for (let attempt = 1; ; attempt++) {
    const tcp = createServer();
    tcp.listen(wanted, "127.0.0.1");
    await once(tcp, "listening");
    const address = tcp.address();
    const port = typeof address === "object" && address !== null ? address.port : wanted;
    const udp = createSocket("udp4");
    try {
      udp.bind(port, "127.0.0.1");
      await once(udp, "listening");
      return { port, tcp, udp };
    } catch (error) {
      tcp.close();
      if (wanted !== 0 || attempt === 10) throw error;
    }
  }
}

/** Wakes a worker that sleeps in the kernel, where no message reaches it but a datagram. */

import { randomInt } from "node:crypto";
import type { Kernel, Pointer } from "../sys/kernel.ts";
import type { Sockets } from "../sys/sockets.ts";

const LOOPBACK = "127.0.0.1";

export class WorkerBell {
  readonly #kernel: Kernel;
  readonly #fd: number;
  readonly #byte: Pointer;

  /**
   * @param port of the worker's private listener.
   * @param byte of the slab; what is in it does not count.
   */
  constructor(kernel: Kernel, sockets: Sockets, { port, byte }: { port: number; byte: Pointer }) {
    this.#kernel = kernel;
    this.#byte = byte;
    this.#fd = sockets.connectUdp(LOOPBACK, port, randomInt);
  }

  /**
   * Sends a byte, too short for a query. Done when it returns: what is called next may keep the
   * event loop from sending anything for tens of milliseconds.
   */
  ring(): void {
    if (this.#fd >= 0) this.#kernel.write(this.#fd, this.#byte, 1);
  }

  close(): void {
    if (this.#fd >= 0) this.#kernel.close(this.#fd);
  }
}

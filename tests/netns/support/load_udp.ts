/** UDP clients of the load: with one connected socket for ever, and with a new one per query. */

import { createSocket, type Socket } from "node:dgram";
import process from "node:process";
import type { LoadClient } from "./load_client.ts";
import { type LoadCounter, type LossReason, lossReason } from "./load_counter.ts";

const PORT = 53;

/** What both have in common: at most one query outstanding, told by its id. */
abstract class UdpClient implements LoadClient {
  readonly counter: LoadCounter;
  protected readonly target: string;
  /** -1 is none. */
  #outstandingId = -1;
  #sentMs = 0;
  #nextId = Math.floor(Math.random() * 0x10000);

  constructor(target: string, counter: LoadCounter) {
    this.target = target;
    this.counter = counter;
  }

  get isBusy(): boolean {
    return this.#outstandingId >= 0;
  }

  ask(query: Buffer): void {
    this.#nextId = (this.#nextId + 1) & 0xffff;
    this.#outstandingId = this.#nextId;
    this.#sentMs = nowMs();
    query.writeUInt16BE(this.#nextId, 0);
    this.send(query);
  }

  expire(ms: number): void {
    if (this.#sentMs < ms) this.lose("timeout");
  }

  abstract close(): void;
  protected abstract send(query: Buffer): void;
  /** The query has ended, one way or the other. */
  protected abstract finish(): void;

  protected receive(message: Buffer): void {
    if (message.readUInt16BE(0) !== this.#outstandingId) return;
    this.#outstandingId = -1;
    this.counter.answered(message, nowMs());
    this.finish();
  }

  protected lose(reason: LossReason): void {
    if (this.#outstandingId < 0) return;
    this.#outstandingId = -1;
    this.counter.lost(reason);
    this.finish();
  }

  protected connect(then: (socket: Socket) => void): Socket {
    const socket = createSocket(this.target.includes(":") ? "udp6" : "udp4");
    socket.on("message", (message) => this.receive(message));
    socket.on("error", (error) => this.lose(lossReason(error)));
    socket.connect(PORT, this.target, (error?: Error) => {
      if (error) this.lose(lossReason(error));
      else then(socket);
    });
    return socket;
  }

  protected sendBy(socket: Socket, query: Buffer): void {
    socket.send(query, (error) => {
      if (error) this.lose(lossReason(error));
    });
  }
}

/** As systemd-resolved, c-ares and Envoy do: its socket is never closed, whatever it returns. */
export class KeptUdpClient extends UdpClient {
  #socket: Socket | null = null;
  #isConnected = false;

  close(): void {
    this.#socket?.close();
  }

  protected send(query: Buffer): void {
    if (this.#socket !== null && this.#isConnected) {
      this.sendBy(this.#socket, query);
      return;
    }
    // The first time, or that failed.
    this.#socket?.close();
    this.#socket = this.connect((socket) => {
      this.#isConnected = true;
      this.sendBy(socket, query);
    });
  }

  protected finish(): void {}
}

/** As glibc does: a socket, and so a port, for every query. */
export class FreshUdpClient extends UdpClient {
  #socket: Socket | null = null;

  close(): void {
    this.finish();
  }

  protected send(query: Buffer): void {
    this.#socket = this.connect((socket) => this.sendBy(socket, query));
  }

  protected finish(): void {
    this.#socket?.close();
    this.#socket = null;
  }
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

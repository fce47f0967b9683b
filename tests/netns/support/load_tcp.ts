/** A TCP client of the load: keeps its connection, has one query outstanding, and reconnects. */

import { connect, type Socket } from "node:net";
import process from "node:process";
import { MessageReader, withLength } from "./dns_wire.ts";
import type { LoadClient } from "./load_client.ts";
import { type LoadCounter, type LossReason, lossReason } from "./load_counter.ts";

const PORT = 53;

export class TcpClient implements LoadClient {
  readonly counter: LoadCounter;
  readonly #target: string;
  #connection: Socket | null = null;
  #outstandingId = -1;
  #sentMs = 0;
  #nextId = Math.floor(Math.random() * 0x10000);

  constructor(target: string, counter: LoadCounter) {
    this.#target = target;
    this.counter = counter;
  }

  get isBusy(): boolean {
    return this.#outstandingId >= 0;
  }

  ask(query: Buffer): void {
    this.#nextId = (this.#nextId + 1) & 0xffff;
    this.#outstandingId = this.#nextId;
    this.#sentMs = Number(process.hrtime.bigint()) / 1e6;
    query.writeUInt16BE(this.#nextId, 0);
    // Written before it is connected, it is sent then.
    this.#connection ??= this.#open();
    this.#connection.write(withLength(query));
  }

  expire(ms: number): void {
    if (this.#sentMs < ms) this.#lose("timeout");
  }

  close(): void {
    this.#drop();
  }

  #open(): Socket {
    const connection = connect({ host: this.#target, port: PORT, noDelay: true });
    const reader = new MessageReader();
    const isCurrent = () => connection === this.#connection;
    connection.on("data", (piece) => {
      if (!isCurrent()) return;
      for (const message of reader.push(piece as Buffer)) this.#receive(message);
    });
    connection.on("error", (error) => {
      if (isCurrent()) this.#lose(lossReason(error));
    });
    connection.on("end", () => {
      if (isCurrent()) this.#lose("closed");
    });
    return connection;
  }

  #receive(message: Buffer): void {
    if (message.readUInt16BE(0) !== this.#outstandingId) return;
    this.#outstandingId = -1;
    this.counter.answered(message, Number(process.hrtime.bigint()) / 1e6);
  }

  /** The connection is of no more use; what was outstanding on it, if anything, is lost. */
  #lose(reason: LossReason): void {
    this.#drop();
    if (this.#outstandingId < 0) return;
    this.#outstandingId = -1;
    this.counter.lost(reason);
  }

  #drop(): void {
    this.#connection?.destroy();
    this.#connection = null;
  }
}

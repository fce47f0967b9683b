/**
 * A steady load of queries by UDP and TCP that loses nothing itself: sockets are connected, so few
 * are in flight that no buffer can overflow, and nothing is sent twice. A query without its answer
 * is a lost one.
 */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket as TcpSocket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { decodeMessage, dnsMessage, encodeMessage } from "./dns_message.ts";
import { until } from "./until.ts";

const ADDRESS = "127.0.0.1";
const UDP_SOCKETS = 16;
/** Per socket: far below what its receive buffer holds. */
const IN_FLIGHT_MAX = 32;
const TCP_CONNECTIONS = 4;
/** One in so many queries goes by TCP. */
const TCP_SHARE = 50;
const TICK_MS = 2;
const ANSWER_MS_MAX = 10_000;
const HEADER_BYTES = 12;
const RCODE_MASK = 0xf;

export interface LoadOptions {
  readonly port: number;
  readonly perSecond: number;
  /** The name of query number `index`, without its final dot. */
  readonly nameOf: (index: number) => string;
  /** Default 4; with 0 all go by UDP. */
  readonly tcpConnections?: number;
}

export interface LoadTally {
  sent: number;
  answered: number;
  /** Answered with an error. */
  failed: number;
  /** Not answered in time, or with their connection. */
  lost: number;
  /** Slots that were skipped because so many were in flight. */
  heldBack: number;
}

/** A way to send queries: a socket or connection with its own ids. */
interface Lane {
  /** By id: when it was sent. */
  readonly open: Map<number, number>;
  nextId: number;
  send(message: Uint8Array): void;
  close(): void;
}

export class SteadyLoad {
  readonly tally: LoadTally = { sent: 0, answered: 0, failed: 0, lost: 0, heldBack: 0 };
  readonly #options: LoadOptions;
  readonly #udp: Lane[] = [];
  readonly #tcp: Lane[] = [];
  readonly #names = new Map<string, Uint8Array>();
  #isOver = false;
  #running: Promise<void> | null = null;

  private constructor(options: LoadOptions) {
    this.#options = options;
  }

  static async start(options: LoadOptions): Promise<SteadyLoad> {
    const load = new SteadyLoad(options);
    for (let index = 0; index < UDP_SOCKETS; index++) load.#udp.push(await load.#openUdp());
    const { tcpConnections = TCP_CONNECTIONS } = options;
    for (let index = 0; index < tcpConnections; index++) load.#tcp.push(await load.#openTcp());
    load.#running = load.#run();
    return load;
  }

  /** Sends no more, waits for what is in flight, and counts as lost what does not come. */
  async stop(): Promise<LoadTally> {
    this.#isOver = true;
    await this.#running;
    const lanes = [...this.#udp, ...this.#tcp];
    const isDone = () => lanes.every(({ open }) => open.size === 0);
    await until("all is answered", isDone, ANSWER_MS_MAX).catch(() => {});
    for (const lane of lanes) {
      this.tally.lost += lane.open.size;
      lane.close();
    }
    return this.tally;
  }

  async #run(): Promise<void> {
    const startMs = performance.now();
    let index = 0;
    while (!this.#isOver) {
      const due = ((performance.now() - startMs) / 1000) * this.#options.perSecond;
      for (; index < due; index++) this.#send(index);
      this.#countLost();
      await delay(TICK_MS);
    }
  }

  #send(index: number): void {
    const isTcp = this.#tcp.length > 0 && index % TCP_SHARE === 0;
    const lanes = isTcp ? this.#tcp : this.#udp;
    const lane = lanes[Math.floor(Math.random() * lanes.length)]!;
    if (lane.open.size >= IN_FLIGHT_MAX) {
      this.tally.heldBack += 1;
      return;
    }
    const id = lane.nextId;
    lane.nextId = (id + 1) & 0xffff;
    lane.open.set(id, performance.now());
    this.tally.sent += 1;
    const message = this.#messageFor(this.#options.nameOf(index)).slice();
    message[0] = id >> 8;
    message[1] = id & 0xff;
    lane.send(message);
  }

  #messageFor(name: string): Uint8Array {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const questions = [{ name: `${name}.`, type: 1, class: 1 }];
    const message = encodeMessage(dnsMessage({ id: 0, flags: ["rd"], questions }));
    if (this.#names.size < 10_000) this.#names.set(name, message);
    return message;
  }

  #take(lane: Lane, message: Uint8Array): void {
    if (message.length < HEADER_BYTES) return;
    const id = (message[0]! << 8) | message[1]!;
    if (!lane.open.delete(id)) throw new Error("Got a second answer, or one to no question");
    this.tally.answered += 1;
    if ((message[3]! & RCODE_MASK) !== 0) {
      this.tally.failed += 1;
      console.error(decodeMessage(message));
    }
  }

  /** An id may be used again only when its answer cannot come any more. */
  #countLost(): void {
    const beforeMs = performance.now() - ANSWER_MS_MAX;
    for (const { open } of [...this.#udp, ...this.#tcp]) {
      const [oldest] = open;
      if (oldest === undefined || oldest[1] > beforeMs) continue;
      open.delete(oldest[0]);
      this.tally.lost += 1;
    }
  }

  async #openUdp(): Promise<Lane> {
    const socket: Socket = createSocket("udp4");
    socket.connect(this.#options.port, ADDRESS);
    await once(socket, "connect");
    const lane: Lane = {
      open: new Map(),
      nextId: 0,
      send: (message) => socket.send(message),
      close: () => socket.close(),
    };
    socket.on("message", (message) => this.#take(lane, message));
    // A refusal: what it was for is counted when its time is over.
    socket.on("error", () => {});
    return lane;
  }

  async #openTcp(): Promise<Lane> {
    const lane: Lane = { open: new Map(), nextId: 0, send: () => {}, close: () => {} };
    let socket = await this.#connect(lane);
    lane.send = (message) => {
      const length = Uint8Array.of(message.length >> 8, message.length & 0xff);
      socket.write(Buffer.concat([length, message]));
    };
    lane.close = () => socket.destroy();
    // A server may end a connection at any time; not before it has answered.
    const reopen = async () => {
      this.tally.lost += lane.open.size;
      lane.open.clear();
      if (this.#isOver) return;
      socket = await this.#connect(lane);
      socket.once("close", reopen);
    };
    socket.once("close", reopen);
    return lane;
  }

  async #connect(lane: Lane): Promise<TcpSocket> {
    const socket = connect({ port: this.#options.port, host: ADDRESS, noDelay: true });
    socket.on("error", () => {});
    let rest = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        this.#take(lane, rest.subarray(2, end));
        rest = rest.subarray(end);
      }
    });
    await once(socket, "connect");
    return socket;
  }
}

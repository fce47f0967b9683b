/**
 * Makes the hot path hot before traffic does.
 *
 * A JavaScript engine compiles what runs often. At 2,000 queries per second it takes minutes until
 * all of the query's way is compiled well, and until then a query costs twice as much CPU (figures
 * in hack/decisions/0004). So a new worker asks itself some thousand questions, over loopback
 * sockets of its own, through a second `Plane` with a small cache of its own: nothing of it shows
 * in counters, logs or answers. It does so in short steps between the turns of the real loop, which
 * always comes first.
 *
 * It is only an optimisation: whatever fails here (no loopback, no descriptors) ends it without a
 * word.
 */

import { Cache } from "../cache/cache.ts";
import { countersMemory, countersRow } from "../handoff/counters.ts";
import { metricsMemory, metricsRows } from "../handoff/metrics_memory.ts";
import { emptyViewPlan, FORWARD_DEFAULTS, type Plan, TIMEOUTS_DEFAULT } from "../handoff/plan.ts";
import { RingWriter, ringMemory } from "../handoff/ring.ts";
import { CACHE_BYTES_MIN } from "../limits.ts";
import type { Kernel, Pointer } from "../sys/kernel.ts";
import { MSG_DONTWAIT } from "../sys/layout.ts";
import { MessageHeader } from "../sys/message_header.ts";
import { SOCKADDR_BYTES_MAX } from "../sys/sockaddr.ts";
import { Sockets } from "../sys/sockets.ts";
import { writeQuery } from "../wire/answer.ts";
import { FLAG_QR, FLAG_RA, FLAG_RD, HEADER_ANCOUNT, HEADER_FLAGS } from "../wire/constants.ts";
import { nameToWire } from "../wire/name.ts";
import { Loop } from "./loop.ts";
import { Plane } from "./plane.ts";

const LOOPBACK = "127.0.0.1";
/** Enough for the engine's best compiler to have seen everything; 0.2 to 0.3 s of CPU. */
const QUERIES_MAX = 20_000;
/** Turns without an answer before something must be wrong. */
const TURNS_WITHOUT_ANSWER_MAX = 200;
/** How often each name is asked: once upstream, then from the cache. */
const ASKS_PER_NAME = 4;
/** Queries sent at once: alone, and as a batch. */
const BATCHES: readonly number[] = [1, 1, 1, 1, 1, 1, 1, 8];
const BUFFER_BYTES = 1024;
const UDP_SIZE_BYTES = 1232;
/** Owner (pointer to the question), type A, class IN, TTL 60, 4 bytes of address (RFC 5737). */
const ANSWER_RECORD = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
const RECEIVE_BUFFER_BYTES = 256 * 1024;

export class WarmUp {
  readonly #kernel: Kernel;
  readonly #header: MessageHeader;
  readonly #buffer: number;
  readonly #question: number;
  readonly #name: Uint8Array;
  readonly #loop: Loop;
  readonly #client: number;
  readonly #upstream: number;
  readonly #upstreamHeader: MessageHeader;
  readonly #pointer: Pointer;
  #roundCount = 0;
  #sentCount = 0;
  #answeredCount = 0;
  #turnsWithoutAnswer = 0;

  /** Returns null where it cannot be done. The slab needs room for a second plane. */
  static create(kernel: Kernel, hashSeed: number): WarmUp | null {
    try {
      return new WarmUp(kernel, hashSeed);
    } catch {
      return null;
    }
  }

  private constructor(kernel: Kernel, hashSeed: number) {
    const { slab } = kernel;
    const sockets = new Sockets(kernel);
    this.#kernel = kernel;
    this.#header = new MessageHeader(kernel);
    this.#buffer = slab.carve(BUFFER_BYTES, 64);
    this.#upstreamHeader = new MessageHeader(kernel, slab.carve(SOCKADDR_BYTES_MAX));
    this.#name = nameToWire("n0000.warm-up.example.org");
    this.#question = slab.carve(this.#name.length + 4);
    this.#pointer = this.#header.pointer;
    this.#upstream = sockets.listenUdp(LOOPBACK, 0, RECEIVE_BUFFER_BYTES, false);
    this.#loop = new Loop(
      new Plane({
        kernel,
        plan: warmUpPlan(sockets.localPort(this.#upstream)),
        cache: new Cache(Cache.memoryFor(CACHE_BYTES_MIN), { shared: false }),
        counters: countersRow(countersMemory(1), 0),
        metrics: metricsRows(metricsMemory(1), 0),
        hashSeed,
        ring: new RingWriter(ringMemory(BUFFER_BYTES)),
        instance: "",
      }),
    );
    const [port] = this.#loop.open();
    this.#client = sockets.connectUdp(LOOPBACK, port, (count) => Math.floor(Math.random() * count));
    if (this.#client < 0) throw new Error("Cannot connect to loopback");
  }

  /**
   * Asks and answers for about `budgetMs`.
   *
   * @returns false when all is done, or cannot be; everything is closed then.
   */
  step(budgetMs: number): boolean {
    const endMs = this.#kernel.monotonicMs() + budgetMs;
    while (this.#kernel.monotonicMs() < endMs) {
      const isDone = this.#answeredCount >= QUERIES_MAX;
      if (isDone || this.#turnsWithoutAnswer > TURNS_WITHOUT_ANSWER_MAX) {
        this.close();
        return false;
      }
      this.#round();
    }
    return true;
  }

  close(): void {
    this.#loop.close();
    this.#kernel.close(this.#client);
    this.#kernel.close(this.#upstream);
  }

  #round(): void {
    this.#roundCount += 1;
    const batch = BATCHES[this.#roundCount % BATCHES.length];
    for (let count = 0; count < batch; count++) this.#ask();
    // A query that comes alone is received in another way than one of many.
    if (batch === 1) this.#loop.plane.listeners.lastReceivedMs.fill(Number.NEGATIVE_INFINITY);
    // Query in, upstream asked; reply in, client answered.
    for (let pass = 0; pass < 2; pass++) {
      this.#loop.turn(0);
      this.#answerUpstream();
    }
    this.#loop.turn(0);
    const before = this.#answeredCount;
    this.#header.set(this.#buffer, BUFFER_BYTES);
    while (this.#kernel.recvmsg(this.#client, this.#pointer, MSG_DONTWAIT) > 0) {
      this.#answeredCount += 1;
    }
    this.#turnsWithoutAnswer = before === this.#answeredCount ? this.#turnsWithoutAnswer + 1 : 0;
  }

  #ask(): void {
    const { bytes, words, view } = this.#kernel.slab;
    const number = Math.floor(this.#sentCount / ASKS_PER_NAME);
    // Four hexadecimal digits behind the "n", in the case that changes from asker to asker.
    const digits = number.toString(16).padStart(4, "0").slice(-4);
    const text = this.#sentCount % 2 === 0 ? digits : digits.toUpperCase();
    bytes.set(this.#name, this.#question);
    for (let at = 0; at < text.length; at++) bytes[this.#question + 2 + at] = text.charCodeAt(at);
    const length = this.#name.length + 4;
    view.setUint16(this.#question + this.#name.length, 1);
    view.setUint16(this.#question + this.#name.length + 2, 1);
    const id = this.#sentCount & 0xffff;
    const withOpt = (this.#sentCount >> 1) & 1;
    const size = writeQuery(
      words,
      view,
      this.#buffer,
      id,
      this.#question,
      length,
      FLAG_RD,
      0,
      UDP_SIZE_BYTES,
      withOpt,
    );
    this.#header.set(this.#buffer, size);
    this.#kernel.sendmsg(this.#client, this.#pointer, MSG_DONTWAIT);
    this.#sentCount += 1;
  }

  /** Plays the upstream: every question has one address. */
  #answerUpstream(): void {
    const { bytes, view } = this.#kernel.slab;
    const { pointer } = this.#upstreamHeader;
    for (;;) {
      this.#upstreamHeader.set(this.#buffer, BUFFER_BYTES);
      const length = this.#kernel.recvmsg(this.#upstream, pointer, MSG_DONTWAIT);
      if (length <= 0) return;
      const end = this.#buffer + 12 + this.#name.length + 4;
      view.setUint16(this.#buffer + HEADER_FLAGS, FLAG_QR | FLAG_RD | FLAG_RA);
      view.setUint16(this.#buffer + HEADER_ANCOUNT, 1);
      // The query's OPT goes behind the answer.
      bytes.copyWithin(end + ANSWER_RECORD.length, end, this.#buffer + length);
      bytes.set(ANSWER_RECORD, end);
      this.#upstreamHeader.set(this.#buffer, length + ANSWER_RECORD.length);
      this.#kernel.sendmsg(this.#upstream, pointer, MSG_DONTWAIT);
    }
  }
}

function warmUpPlan(upstreamPort: number): Plan {
  const limits = { capacity: 0, ttlSecMax: 3600, ttlSecMin: 0 };
  return {
    generation: 0,
    listeners: [
      {
        address: LOOPBACK,
        port: 0,
        isTransparent: false,
        isPrivate: true,
        zones: [{ zone: ".", view: 0, scope: 0 }],
        droppedScope: 0,
        timeouts: TIMEOUTS_DEFAULT,
      },
    ],
    views: [
      {
        id: 0,
        ...emptyViewPlan("warm-up", ["."]),
        metrics: true,
        cache: {
          zones: ["."],
          success: limits,
          denial: limits,
          servfailMs: 1000,
          disableSuccess: [],
          disableDenial: [],
          keepTtl: false,
          prefetch: null,
          stale: null,
        },
        forwards: [
          {
            ...FORWARD_DEFAULTS,
            from: ".",
            upstreams: [{ address: LOOPBACK, port: upstreamPort, tls: null }],
            maxFails: 0,
            expireMs: 1000,
          },
        ],
      },
    ],
    upstreamRows: {},
    pluginCounters: [],
  };
}

// Hot path.
/**
 * Clients that wait for an upstream: all that is needed to answer each in its own words.
 *
 * A waiter belongs to one pending question; those of a question are a list, linked by `next`. In
 * the slab, one row of 384 bytes per waiter:
 *
 *   0    question as the client wrote it, its case included (≤ 259 bytes)
 *   264  sockaddr (≤ 32)
 *   296  control message (≤ 64)
 */

import { SlotPool } from "../std/slot_pool.ts";
import type { Slab } from "../sys/slab.ts";
import { FLAG_AD, FLAG_CD, FLAG_RD } from "../wire/constants.ts";
import type { Query } from "../wire/query.ts";
import { type Client, TRANSPORT_NONE } from "./client.ts";

const ROW_BYTES = 384;
const ROW_NAME = 264;
const ROW_CONTROL = 296;

export const NO_WAITER = -1;

export class Waiters {
  readonly next: Int32Array;
  readonly startedMs: Float64Array;
  readonly #slab: Slab;
  readonly #rows: number;
  readonly #pool: SlotPool;
  readonly #transports: Uint8Array;
  readonly #listeners: Uint16Array;
  readonly #scopes: Int32Array;
  readonly #connections: Int32Array;
  readonly #generations: Int32Array;
  readonly #nameBytes: Uint8Array;
  readonly #controlBytes: Uint8Array;
  readonly #questionBytes: Uint16Array;
  readonly #queryBytes: Uint16Array;
  readonly #ids: Uint16Array;
  readonly #flags: Uint16Array;
  readonly #udpSizes: Uint16Array;
  /** Bit 0: the query had an OPT record; bit 1: with DO; bit 2: with NSID. */
  readonly #edns: Uint8Array;

  constructor(slab: Slab, capacity: number) {
    this.#slab = slab;
    this.#pool = new SlotPool(capacity);
    this.#rows = slab.carve(capacity * ROW_BYTES, 64);
    this.next = new Int32Array(capacity);
    this.startedMs = new Float64Array(capacity);
    this.#transports = new Uint8Array(capacity);
    this.#listeners = new Uint16Array(capacity);
    this.#scopes = new Int32Array(capacity);
    this.#connections = new Int32Array(capacity);
    this.#generations = new Int32Array(capacity);
    this.#nameBytes = new Uint8Array(capacity);
    this.#controlBytes = new Uint8Array(capacity);
    this.#questionBytes = new Uint16Array(capacity);
    this.#queryBytes = new Uint16Array(capacity);
    this.#ids = new Uint16Array(capacity);
    this.#flags = new Uint16Array(capacity);
    this.#udpSizes = new Uint16Array(capacity);
    this.#edns = new Uint8Array(capacity);
  }

  get usedCount(): number {
    return this.#pool.usedCount;
  }

  /** Keeps `query` of `client`. @returns the waiter, or NO_WAITER when all places are taken. */
  add(query: Query, client: Client, nowMs: number): number {
    const waiter = this.#pool.take();
    if (waiter < 0) return NO_WAITER;
    const row = this.#rows + waiter * ROW_BYTES;
    const { bytes } = this.#slab;
    const question = query.questionOffset;
    bytes.copyWithin(row, question, question + query.questionLength);
    bytes.copyWithin(row + ROW_NAME, client.nameOffset, client.nameOffset + client.nameBytes);
    if (client.controlBytes !== 0) {
      const control = client.controlOffset;
      bytes.copyWithin(row + ROW_CONTROL, control, control + client.controlBytes);
    }
    this.next[waiter] = NO_WAITER;
    this.startedMs[waiter] = nowMs;
    this.#transports[waiter] = client.transport;
    this.#listeners[waiter] = client.listener;
    this.#scopes[waiter] = client.scope;
    this.#connections[waiter] = client.connection;
    this.#generations[waiter] = client.generation;
    this.#nameBytes[waiter] = client.nameBytes;
    this.#controlBytes[waiter] = client.controlBytes;
    this.#questionBytes[waiter] = query.questionLength;
    this.#queryBytes[waiter] = client.queryBytes;
    this.#ids[waiter] = query.id;
    this.#flags[waiter] = query.flags;
    this.#udpSizes[waiter] = query.udpSizeBytes;
    this.#edns[waiter] = query.hasOpt | (query.dnssecOk << 1) | (query.asksNsid << 2);
    return waiter;
  }

  /** Fills `query` and `client` as they were. The folded name and its hash are not restored. */
  load(waiter: number, query: Query, client: Client): void {
    const row = this.#rows + waiter * ROW_BYTES;
    query.id = this.#ids[waiter]!;
    const flags = this.#flags[waiter]!;
    query.flags = flags;
    query.recursionDesired = (flags & FLAG_RD) === 0 ? 0 : 1;
    query.checkingDisabled = (flags & FLAG_CD) === 0 ? 0 : 1;
    query.authenticData = (flags & FLAG_AD) === 0 ? 0 : 1;
    query.questionOffset = row;
    query.questionLength = this.#questionBytes[waiter]!;
    query.nameLength = query.questionLength - 4;
    const edns = this.#edns[waiter]!;
    query.hasOpt = edns & 1;
    query.dnssecOk = (edns >> 1) & 1;
    query.asksNsid = edns >> 2;
    query.udpSizeBytes = this.#udpSizes[waiter]!;
    client.transport = this.#transports[waiter]!;
    client.listener = this.#listeners[waiter]!;
    client.scope = this.#scopes[waiter]!;
    client.connection = this.#connections[waiter]!;
    client.generation = this.#generations[waiter]!;
    client.queryBytes = this.#queryBytes[waiter]!;
    client.nameOffset = row + ROW_NAME;
    client.nameBytes = this.#nameBytes[waiter]!;
    client.controlOffset = row + ROW_CONTROL;
    client.controlBytes = this.#controlBytes[waiter]!;
  }

  /** TRANSPORT_…. */
  transport(waiter: number): number {
    return this.#transports[waiter]!;
  }

  /** From now on nobody waits as `waiter`; its question is still needed. */
  leave(waiter: number): void {
    this.#transports[waiter] = TRANSPORT_NONE;
    this.next[waiter] = NO_WAITER;
  }

  /** Client.scope of `waiter`. */
  scope(waiter: number): number {
    return this.#scopes[waiter]!;
  }

  /** Where the question of `waiter` stands in the slab, in the client's case. */
  questionOffset(waiter: number): number {
    return this.#rows + waiter * ROW_BYTES;
  }

  questionBytes(waiter: number): number {
    return this.#questionBytes[waiter]!;
  }

  release(waiter: number): void {
    this.#pool.release(waiter);
  }
}

// Hot path.
/**
 * What TCP clients have sent. In the slab:
 *
 *   input    one, 4098 bytes     what is being read: a length and the longest query
 *   rests    1024 of 4098        what a connection has sent and could not be handled yet
 *
 *   rest     | handled | length | message | length | part of a message |
 *            row       start                                           end
 *
 * Nearly always all that was sent can be handled at once, so rests stay untouched and take no
 * memory.
 */

import { TCP_CLIENTS_MAX, UDP_QUERY_BYTES_MAX } from "../limits.ts";
import { assert } from "../std/assert.ts";
import type { Kernel } from "../sys/kernel.ts";
import { MSG_DONTWAIT } from "../sys/layout.ts";
import { MessageHeader } from "../sys/message_header.ts";
import type { Slab } from "../sys/slab.ts";
import { PREFIX_BYTES } from "./tcp_output.ts";

/** The longest query that is read, as by UDP; clients send far less. */
export const TCP_QUERY_BYTES_MAX = UDP_QUERY_BYTES_MAX;
const INPUT_BYTES = PREFIX_BYTES + TCP_QUERY_BYTES_MAX;
const CACHE_LINE = 64;
/** 65 cache lines: see ReceiveBatch. */
const ROW_STRIDE = (INPUT_BYTES + CACHE_LINE - 1) & -CACHE_LINE;

export class TcpInput {
  readonly #kernel: Kernel;
  readonly #slab: Slab;
  readonly #header: MessageHeader;
  readonly #rows: number;
  /** By connection: its rest, as slab offsets; equal when there is none. */
  readonly #starts = new Int32Array(TCP_CLIENTS_MAX);
  readonly #ends = new Int32Array(TCP_CLIENTS_MAX);
  /** Since when the client could have sent the rest of its first message. */
  readonly #restMs = new Float64Array(TCP_CLIENTS_MAX);
  /** Where `receive` has put what it read. */
  readonly start: number;
  end: number;

  constructor(kernel: Kernel) {
    const { slab } = kernel;
    this.#kernel = kernel;
    this.#slab = slab;
    this.#header = new MessageHeader(kernel);
    this.start = slab.carve(ROW_STRIDE, CACHE_LINE);
    this.end = this.start;
    this.#rows = slab.carve(TCP_CLIENTS_MAX * ROW_STRIDE, CACHE_LINE);
  }

  /**
   * Reads from `fd` behind the rest of `connection`; both then stand at `[start, end)` and there is
   * no rest any more.
   *
   * @returns bytes read, 0 at the end of the stream, or a negated error number.
   */
  receive(connection: number, fd: number): number {
    const restStart = this.#starts[connection]!;
    const restEnd = this.#ends[connection]!;
    const restBytes = restEnd - restStart;
    assert(restBytes < INPUT_BYTES, "a connection is read whose input is full");
    const behind = this.start + restBytes;
    this.#header.set(behind, INPUT_BYTES - restBytes);
    const count = this.#kernel.recvmsg(fd, this.#header.pointer, MSG_DONTWAIT);
    if (count <= 0) return count;
    if (restBytes !== 0) this.#slab.bytes.copyWithin(this.start, restStart, restEnd);
    this.#starts[connection] = 0;
    this.#ends[connection] = 0;
    this.end = behind + count;
    return count;
  }

  restStart(connection: number): number {
    return this.#starts[connection]!;
  }

  restEnd(connection: number): number {
    return this.#ends[connection]!;
  }

  hasRest(connection: number): boolean {
    return this.#starts[connection] !== this.#ends[connection];
  }

  /** How long the first message of the rest has been incomplete; 0 without a rest. */
  restForMs(connection: number, nowMs: number): number {
    return this.hasRest(connection) ? nowMs - this.#restMs[connection]! : 0;
  }

  /**
   * Keeps `[from, end)` of what `receive` has read.
   *
   * @param isNew false when it begins with the message that the last rest began with.
   */
  keep(connection: number, from: number, isNew: boolean, nowMs: number): void {
    if (from === this.end) return;
    const row = this.#rows + connection * ROW_STRIDE;
    this.#slab.bytes.copyWithin(row, from, this.end);
    this.#starts[connection] = row;
    this.#ends[connection] = row + this.end - from;
    if (isNew) this.#restMs[connection] = nowMs;
  }

  /** The rest has been handled up to `from`, and its owner may send more. */
  handled(connection: number, from: number, nowMs: number): void {
    this.#starts[connection] = from;
    this.#restMs[connection] = nowMs;
  }

  /** Forgets the rest. */
  clear(connection: number): void {
    this.#starts[connection] = 0;
    this.#ends[connection] = 0;
  }
}

// Hot path.
/**
 * What is on its way to TCP clients: messages behind their length, many per system call.
 *
 *   stage    one, 128 KiB    answers to what one connection has just sent; empty in between
 *   blocks   64 of 128 KiB   one connection's late answers of this turn, or what its socket has not
 *                            taken ("blocked")
 *
 *   block    | taken by the kernel | length | message | length | message | free |
 *            base                  start                               end
 *
 * Knows connections by number only; opening and closing them is `TcpClients`' part. Blocks are
 * handed out last in, first out, so that a quiet server touches the memory of one or two.
 */

import { TCP_CLIENTS_MAX, TCP_MESSAGE_BYTES_MAX, TCP_OUTPUT_BLOCKS } from "../limits.ts";
import { NO_SLOT, SlotPool } from "../std/slot_pool.ts";
import { EAGAIN, EINTR, ENOBUFS, ENOMEM } from "../sys/errno.ts";
import type { Kernel } from "../sys/kernel.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../sys/layout.ts";
import { MessageHeader } from "../sys/message_header.ts";
import type { Slab } from "../sys/slab.ts";

/** The kernel has taken everything. */
export const OUTPUT_SENT = 0;
/** The rest waits in a block until the socket is writable. */
export const OUTPUT_BLOCKED = 1;
/** The connection is gone. */
export const OUTPUT_BROKEN = 2;
/** There is no block, or no room in the connection's one. */
export const OUTPUT_FULL = 3;

/** Bytes of the length before a message (RFC 1035 §4.2.2). */
export const PREFIX_BYTES = 2;
/** At least one message of any length, and the rest of any stage. */
export const OUTPUT_BLOCK_BYTES = 128 * 1024;
/** Copying goes by words, so up to three bytes behind a message are written. */
const SLACK_BYTES = 64;
const BLOCK_STRIDE = OUTPUT_BLOCK_BYTES + SLACK_BYTES;
/** Length, rounding up to a word, message: what has to be free in the stage for the next one. */
const STAGE_ROOM_BYTES = PREFIX_BYTES + 3 + TCP_MESSAGE_BYTES_MAX;
const CACHE_LINE = 64;
const NO_BLOCK = -1;
const NOT_BLOCKED = -1;

export class TcpOutput {
  readonly #kernel: Kernel;
  readonly #slab: Slab;
  readonly #header: MessageHeader;
  readonly #stage: number;
  #stageEnd: number;
  readonly #blocks: number;
  readonly #pool = new SlotPool(TCP_OUTPUT_BLOCKS);
  /** By block: whose it is, and what of it is still to be sent, as slab offsets. */
  readonly #owners = new Int32Array(TCP_OUTPUT_BLOCKS).fill(NO_BLOCK);
  readonly #starts = new Int32Array(TCP_OUTPUT_BLOCKS);
  readonly #ends = new Int32Array(TCP_OUTPUT_BLOCKS);
  /** By connection: its block, and since when the kernel has not taken all of it. */
  readonly #blockOf = new Int32Array(TCP_CLIENTS_MAX).fill(NO_BLOCK);
  readonly #blockedMs = new Float64Array(TCP_CLIENTS_MAX).fill(NOT_BLOCKED);
  /** Connections whose socket does not take what is in their block. */
  blockedCount = 0;

  constructor(kernel: Kernel) {
    const { slab } = kernel;
    this.#kernel = kernel;
    this.#slab = slab;
    this.#header = new MessageHeader(kernel);
    this.#stage = slab.carve(BLOCK_STRIDE, CACHE_LINE);
    this.#stageEnd = this.#stage;
    this.#blocks = slab.carve(TCP_OUTPUT_BLOCKS * BLOCK_STRIDE, CACHE_LINE);
  }

  get freeBlockCount(): number {
    return TCP_OUTPUT_BLOCKS - this.#pool.usedCount;
  }

  /** Whether `connection` has something in a block. */
  has(connection: number): boolean {
    return this.#blockOf[connection] !== NO_BLOCK;
  }

  isBlocked(connection: number): boolean {
    return this.#blockedMs[connection] !== NOT_BLOCKED;
  }

  /** How long the output of `connection` has been blocked, 0 when it is not. */
  blockedForMs(connection: number, nowMs: number): number {
    const sinceMs = this.#blockedMs[connection]!;
    return sinceMs === NOT_BLOCKED ? 0 : nowMs - sinceMs;
  }

  /** The connection whose output has been blocked longest; there must be one. */
  longestBlocked(): number {
    let longest = NO_SLOT;
    for (let block = 0; block < TCP_OUTPUT_BLOCKS; block++) {
      const owner = this.#owners[block]!;
      if (owner === NO_BLOCK || this.#blockedMs[owner] === NOT_BLOCKED) continue;
      if (longest === NO_SLOT || this.#blockedMs[owner]! < this.#blockedMs[longest]!) {
        longest = owner;
      }
    }
    return longest;
  }

  /** Whether the stage takes one more message of any length. */
  stageHasRoom(): boolean {
    return this.#stageEnd + STAGE_ROOM_BYTES <= this.#stage + OUTPUT_BLOCK_BYTES;
  }

  stageIsEmpty(): boolean {
    return this.#stageEnd === this.#stage;
  }

  /** Forgets what is staged: its connection is gone. */
  stageClear(): void {
    this.#stageEnd = this.#stage;
  }

  /** Where to write the next message, 4-aligned, with room for 65,535 bytes. */
  stageTarget(): number {
    return (this.#stageEnd + PREFIX_BYTES + 3) & ~3;
  }

  /** Adds the message of `lengthBytes` bytes that stands at `stageTarget()`. */
  stageCommit(lengthBytes: number): void {
    const { view } = this.#slab;
    const from = this.stageTarget();
    const to = this.#stageEnd + PREFIX_BYTES;
    view.setUint16(this.#stageEnd, lengthBytes);
    // Messages are written to whole words but follow each other without gaps: down by up to 3
    // bytes.
    if (from !== to) this.#copy(from, to, lengthBytes);
    this.#stageEnd = to + lengthBytes;
  }

  /**
   * Sends what is staged, for `connection`, and empties the stage.
   *
   * @returns OUTPUT_SENT, OUTPUT_BLOCKED, OUTPUT_BROKEN, or OUTPUT_FULL when the rest could not be
   * kept.
   */
  sendStage(connection: number, fd: number, nowMs: number): number {
    const start = this.#stage;
    const lengthBytes = this.#stageEnd - start;
    this.#stageEnd = start;
    if (this.#blockOf[connection] !== NO_BLOCK) {
      const code = this.sendBlock(connection, fd, nowMs);
      if (code === OUTPUT_BROKEN) return code;
      // The block may end within a message: the stage has to go behind it.
      if (code === OUTPUT_BLOCKED) return this.#keep(connection, start, lengthBytes, nowMs);
    }
    const taken = this.#send(fd, start, lengthBytes);
    if (taken === lengthBytes) return OUTPUT_SENT;
    if (taken < 0) return OUTPUT_BROKEN;
    return this.#keep(connection, start + taken, lengthBytes - taken, nowMs);
  }

  /** Adds a late answer to the block of `connection`. @returns OUTPUT_SENT, or OUTPUT_FULL. */
  append(connection: number, offset: number, lengthBytes: number): number {
    const block = this.#roomFor(connection, PREFIX_BYTES + lengthBytes);
    if (block === NO_BLOCK) return OUTPUT_FULL;
    const end = this.#ends[block]!;
    this.#slab.view.setUint16(end, lengthBytes);
    this.#copy(offset, end + PREFIX_BYTES, lengthBytes);
    this.#ends[block] = end + PREFIX_BYTES + lengthBytes;
    return OUTPUT_SENT;
  }

  /**
   * Sends from the block of `connection`, which has one. @returns as `sendStage`, never
   * OUTPUT_FULL.
   */
  sendBlock(connection: number, fd: number, nowMs: number): number {
    const block = this.#blockOf[connection]!;
    const start = this.#starts[block]!;
    const lengthBytes = this.#ends[block]! - start;
    const taken = this.#send(fd, start, lengthBytes);
    if (taken < 0) return OUTPUT_BROKEN;
    if (taken === lengthBytes) {
      this.release(connection);
      return OUTPUT_SENT;
    }
    this.#starts[block] = start + taken;
    this.#block(connection, nowMs);
    return OUTPUT_BLOCKED;
  }

  /** Forgets what `connection` has not been sent. */
  release(connection: number): void {
    const block = this.#blockOf[connection]!;
    if (block === NO_BLOCK) return;
    this.#blockOf[connection] = NO_BLOCK;
    this.#owners[block] = NO_BLOCK;
    this.#pool.release(block);
    if (this.#blockedMs[connection] === NOT_BLOCKED) return;
    this.#blockedMs[connection] = NOT_BLOCKED;
    this.blockedCount -= 1;
  }

  /** The block of `connection`, a new one if need be, with room for `lengthBytes`; or NO_BLOCK. */
  #roomFor(connection: number, lengthBytes: number): number {
    let block = this.#blockOf[connection]!;
    if (block === NO_BLOCK) {
      block = this.#pool.take();
      if (block === NO_SLOT) return NO_BLOCK;
      this.#blockOf[connection] = block;
      this.#owners[block] = connection;
      this.#starts[block] = this.#blocks + block * BLOCK_STRIDE;
      this.#ends[block] = this.#starts[block]!;
    }
    const base = this.#blocks + block * BLOCK_STRIDE;
    const limit = base + OUTPUT_BLOCK_BYTES;
    if (this.#ends[block]! + lengthBytes <= limit) return block;
    const start = this.#starts[block]!;
    const kept = this.#ends[block]! - start;
    if (base + kept + lengthBytes > limit) return NO_BLOCK;
    this.#slab.bytes.copyWithin(base, start, start + kept);
    this.#starts[block] = base;
    this.#ends[block] = base + kept;
    return block;
  }

  #keep(connection: number, offset: number, lengthBytes: number, nowMs: number): number {
    const block = this.#roomFor(connection, lengthBytes);
    if (block === NO_BLOCK) return OUTPUT_FULL;
    const end = this.#ends[block]!;
    this.#slab.bytes.copyWithin(end, offset, offset + lengthBytes);
    this.#ends[block] = end + lengthBytes;
    this.#block(connection, nowMs);
    return OUTPUT_BLOCKED;
  }

  #block(connection: number, nowMs: number): void {
    // Not moved on by progress: a client that takes a byte a second would keep its block for ever.
    if (this.#blockedMs[connection] !== NOT_BLOCKED) return;
    this.#blockedMs[connection] = nowMs;
    this.blockedCount += 1;
  }

  /** @returns bytes taken, 0 when the socket is full, below 0 when the connection is gone. */
  #send(fd: number, offset: number, lengthBytes: number): number {
    this.#header.set(offset, lengthBytes);
    const taken = this.#kernel.sendmsg(fd, this.#header.pointer, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken >= 0) return taken;
    const isFull = taken === -EAGAIN || taken === -EINTR || taken === -ENOBUFS || taken === -ENOMEM;
    return isFull ? 0 : taken;
  }

  /** By words of any alignment; `to` may lie up to 3 bytes before `from`. */
  #copy(from: number, to: number, lengthBytes: number): void {
    const { view } = this.#slab;
    for (let at = 0; at < lengthBytes; at += 4) {
      view.setInt32(to + at, view.getInt32(from + at, true), true);
    }
  }
}

// Hot path.
/**
 * What comes in by TCP connections towards upstreams: bytes to messages. Memory per buffer, carved
 * from the slab:
 *
 *   [ 0 .. taken )  messages that were handed out   [ taken .. filled )  the next ones
 *
 * Which connection has which buffer is the caller's business.
 */

import { TCP_CHANNELS_MAX, TCP_MESSAGE_BYTES_MAX } from "../limits.ts";
import { EAGAIN, EINTR } from "../sys/errno.ts";
import type { Kernel } from "../sys/kernel.ts";
import { MSG_DONTWAIT } from "../sys/layout.ts";
import { MessageHeader } from "../sys/message_header.ts";

const PREFIX_BYTES = 2;
const RECEIVE_BYTES = PREFIX_BYTES + TCP_MESSAGE_BYTES_MAX + 7;

/** All that was there has been read. */
export const TCP_IDLE = 0;
/** Messages may be waiting in the buffer. */
export const TCP_READ = 1;
/** The connection is over: the other side closed it, or it failed. */
export const TCP_OVER = 2;

export class TcpInbox {
  readonly #kernel: Kernel;
  readonly #header: MessageHeader;
  readonly #memory: number;
  readonly #filled = new Int32Array(TCP_CHANNELS_MAX);
  readonly #taken = new Int32Array(TCP_CHANNELS_MAX);
  /** Where the message that `nextMessage` found begins, in the slab. */
  messageOffset = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#header = new MessageHeader(kernel);
    this.#memory = kernel.slab.carve(TCP_CHANNELS_MAX * RECEIVE_BYTES, 64);
  }

  /** Forgets what is in `buffer`. */
  clear(buffer: number): void {
    this.#filled[buffer] = 0;
    this.#taken[buffer] = 0;
  }

  /** Reads once from `fd`. @returns TCP_READ, TCP_IDLE or TCP_OVER. */
  read(buffer: number, fd: number): number {
    const filled = this.#filled[buffer]!;
    this.#header.set(this.#memory + buffer * RECEIVE_BYTES + filled, RECEIVE_BYTES - filled);
    const count = this.#kernel.recvmsg(fd, this.#header.pointer, MSG_DONTWAIT);
    if (count === -EAGAIN || count === -EINTR) return TCP_IDLE;
    if (count <= 0) return TCP_OVER;
    this.#filled[buffer] = filled + count;
    return TCP_READ;
  }

  /**
   * The length of the next whole message, which begins at `messageOffset`; 0 when there is none,
   * and then what is left has been moved to the front. Call until 0 after each TCP_READ.
   */
  nextMessage(buffer: number): number {
    const { bytes, view } = this.#kernel.slab;
    const start = this.#memory + buffer * RECEIVE_BYTES;
    const filled = this.#filled[buffer]!;
    let taken = this.#taken[buffer]!;
    while (filled - taken >= PREFIX_BYTES) {
      const length = view.getUint16(start + taken);
      const message = taken + PREFIX_BYTES;
      if (filled - message < length) break;
      taken = message + length;
      // A message of no bytes says nothing; the one behind it might.
      if (length === 0) continue;
      this.#taken[buffer] = taken;
      this.messageOffset = start + message;
      return length;
    }
    if (taken !== 0) bytes.copyWithin(start, start + taken, start + filled);
    this.#filled[buffer] = filled - taken;
    this.#taken[buffer] = 0;
    return 0;
  }
}

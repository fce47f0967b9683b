// Hot path.
/**
 * Takes up to UDP_BATCH datagrams from a socket in one call.
 *
 * Memory, carved once from the slab, one row per datagram:
 *
 *   headers  mmsghdr[64]                       64 bytes each; a msghdr and the received length
 *   iovecs   iovec[64]                         points to the row's buffer
 *   names    sockaddr[64]                      32 bytes each; who sent it
 *   controls cmsghdr[64]                       64 bytes each; IP_PKTINFO on wildcard sockets
 *   buffers  4096 (+ 64) bytes each            the message, at an offset divisible by 64
 *
 * Buffers are 65 cache lines apart, not 64: a power of two would put the first bytes of all of them
 * into the same few sets of the processor's cache.
 *
 * All accessors are borrowed: they hold until the next `receive`.
 */

import { UDP_BATCH, UDP_QUERY_BYTES_MAX } from "../limits.ts";
import type { Kernel, Pointer } from "./kernel.ts";
import {
  IOVEC_BYTES,
  IOVEC_LENGTH,
  MMSGHDR_BYTES,
  MMSGHDR_LEN,
  MSG_DONTWAIT,
  MSGHDR_CONTROL,
  MSGHDR_CONTROLLEN,
  MSGHDR_IOV,
  MSGHDR_IOVLEN,
  MSGHDR_NAME,
  MSGHDR_NAMELEN,
} from "./layout.ts";
import { SOCKADDR_BYTES_MAX } from "./sockaddr.ts";

export const CONTROL_BYTES = 64;
const CACHE_LINE = 64;
const BUFFER_STRIDE = UDP_QUERY_BYTES_MAX + CACHE_LINE;

export class ReceiveBatch {
  readonly #kernel: Kernel;
  readonly #words: Int32Array;
  readonly #headers: number;
  readonly #headersPointer: Pointer;
  readonly #names: number;
  readonly #controls: number;
  readonly #buffers: number;
  /** Rows whose lengths the kernel has overwritten since they were last reset. */
  #used = UDP_BATCH;

  constructor(kernel: Kernel) {
    const { slab } = kernel;
    this.#kernel = kernel;
    this.#words = slab.words;
    this.#headers = slab.carve(UDP_BATCH * MMSGHDR_BYTES, CACHE_LINE);
    this.#headersPointer = kernel.pointer(this.#headers);
    this.#names = slab.carve(UDP_BATCH * SOCKADDR_BYTES_MAX, CACHE_LINE);
    this.#controls = slab.carve(UDP_BATCH * CONTROL_BYTES, CACHE_LINE);
    this.#buffers = slab.carve(UDP_BATCH * BUFFER_STRIDE, CACHE_LINE);
    const iovecs = slab.carve(UDP_BATCH * IOVEC_BYTES, CACHE_LINE);
    for (let row = 0; row < UDP_BATCH; row++) {
      const header = this.#headers + row * MMSGHDR_BYTES;
      const iovec = iovecs + row * IOVEC_BYTES;
      slab.writeAddress(header + MSGHDR_NAME, this.nameOffset(row));
      slab.writeAddress(header + MSGHDR_IOV, iovec);
      slab.words[(header + MSGHDR_IOVLEN) >> 2] = 1;
      slab.writeAddress(header + MSGHDR_CONTROL, this.controlOffset(row));
      slab.writeAddress(iovec, this.bufferOffset(row));
      slab.words[(iovec + IOVEC_LENGTH) >> 2] = UDP_QUERY_BYTES_MAX;
    }
  }

  /**
   * Receives what is there, without waiting.
   *
   * @param many false where one datagram is expected: `recvmsg` has three arguments, `recvmmsg`
   * five, which costs 0.3 µs more on Node.
   * @returns rows filled, or a negated error number (-EAGAIN: nothing there).
   */
  receive(fd: number, many: boolean): number {
    this.#reset();
    if (many) {
      const count = this.#kernel.recvmmsg(fd, this.#headersPointer, UDP_BATCH, MSG_DONTWAIT);
      this.#used = count > 0 ? count : 0;
      return count;
    }
    const length = this.#kernel.recvmsg(fd, this.#headersPointer, MSG_DONTWAIT);
    if (length < 0) return length;
    this.#words[(this.#headers + MMSGHDR_LEN) >> 2] = length;
    this.#used = 1;
    return 1;
  }

  bufferOffset(row: number): number {
    return this.#buffers + row * BUFFER_STRIDE;
  }

  lengthBytes(row: number): number {
    return this.#words[(this.#headers + row * MMSGHDR_BYTES + MMSGHDR_LEN) >> 2]!;
  }

  nameOffset(row: number): number {
    return this.#names + row * SOCKADDR_BYTES_MAX;
  }

  nameBytes(row: number): number {
    return this.#words[(this.#headers + row * MMSGHDR_BYTES + MSGHDR_NAMELEN) >> 2]!;
  }

  controlOffset(row: number): number {
    return this.#controls + row * CONTROL_BYTES;
  }

  controlBytes(row: number): number {
    return this.#words[(this.#headers + row * MMSGHDR_BYTES + MSGHDR_CONTROLLEN) >> 2]!;
  }

  /** Lengths are in and out: the kernel left behind what it used of them. */
  #reset(): void {
    for (let row = 0; row < this.#used; row++) {
      const header = this.#headers + row * MMSGHDR_BYTES;
      this.#words[(header + MSGHDR_NAMELEN) >> 2] = SOCKADDR_BYTES_MAX;
      this.#words[(header + MSGHDR_CONTROLLEN) >> 2] = CONTROL_BYTES;
    }
    this.#used = 0;
  }
}

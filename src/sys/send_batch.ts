// Hot path.
/**
 * Collects datagrams for a socket and gives them to the kernel in one call.
 *
 * Ask for a `buffer`, write the message there, `commit` it; `flush` at the end of a turn. A batch
 * holds messages of one socket at a time: asking for a buffer of another socket flushes first.
 *
 * Memory is laid out as in `ReceiveBatch`. On a connected socket messages have no name.
 */

import { ECONNREFUSED } from "./errno.ts";
import type { Kernel, Pointer } from "./kernel.ts";
import {
  IOVEC_BYTES,
  IOVEC_LENGTH,
  MMSGHDR_BYTES,
  MSG_DONTWAIT,
  MSGHDR_CONTROL,
  MSGHDR_CONTROLLEN,
  MSGHDR_IOV,
  MSGHDR_IOVLEN,
  MSGHDR_NAME,
  MSGHDR_NAMELEN,
} from "./layout.ts";
import { CONTROL_BYTES } from "./receive_batch.ts";
import { SOCKADDR_BYTES_MAX } from "./sockaddr.ts";

const CACHE_LINE = 64;
const NO_SOCKET = -1;

export class SendBatch {
  readonly #kernel: Kernel;
  readonly #words: Int32Array;
  readonly #rows: number;
  readonly #stride: number;
  readonly #headers: number;
  readonly #names: number;
  readonly #controls: number;
  readonly #buffers: number;
  readonly #iovecs: number;
  /** Pointers to every header: a failed message is stepped over by starting behind it. */
  readonly #pointers: Pointer[] = [];
  #fd = NO_SOCKET;
  #count = 0;
  /** Error number, positive, of the last message that the kernel refused; 0 when none was. */
  lastErrno = 0;
  /** Messages refused so far. */
  dropCount = 0;

  /**
   * @param rows messages per call.
   * @param bufferBytes room per message, a multiple of 64.
   */
  constructor(kernel: Kernel, rows: number, bufferBytes: number) {
    const { slab } = kernel;
    this.#kernel = kernel;
    this.#words = slab.words;
    this.#rows = rows;
    this.#stride = bufferBytes + CACHE_LINE;
    this.#headers = slab.carve(rows * MMSGHDR_BYTES, CACHE_LINE);
    this.#names = slab.carve(rows * SOCKADDR_BYTES_MAX, CACHE_LINE);
    this.#controls = slab.carve(rows * CONTROL_BYTES, CACHE_LINE);
    this.#buffers = slab.carve(rows * this.#stride, CACHE_LINE);
    this.#iovecs = slab.carve(rows * IOVEC_BYTES, CACHE_LINE);
    for (let row = 0; row < rows; row++) {
      const header = this.#headers + row * MMSGHDR_BYTES;
      const iovec = this.#iovecs + row * IOVEC_BYTES;
      slab.writeAddress(header + MSGHDR_NAME, this.#names + row * SOCKADDR_BYTES_MAX);
      slab.writeAddress(header + MSGHDR_IOV, iovec);
      slab.words[(header + MSGHDR_IOVLEN) >> 2] = 1;
      slab.writeAddress(header + MSGHDR_CONTROL, this.#controls + row * CONTROL_BYTES);
      slab.writeAddress(iovec, this.#buffers + row * this.#stride);
      this.#pointers.push(kernel.pointer(header));
    }
  }

  /** Where to write the next message for socket `fd`. Holds until `commit` or the next `buffer`. */
  buffer(fd: number): number {
    if (fd !== this.#fd || this.#count === this.#rows) {
      this.flush();
      this.#fd = fd;
    }
    return this.#buffers + this.#count * this.#stride;
  }

  /**
   * Adds the message of `lengthBytes` bytes that stands in the buffer.
   *
   * @param nameOffset where in the slab the receiver's sockaddr of `nameBytes` bytes stands; 0
   * bytes on a connected socket.
   * @param controlOffset likewise the control message (source address); 0 bytes for none.
   */
  commit(
    lengthBytes: number,
    nameOffset: number,
    nameBytes: number,
    controlOffset: number,
    controlBytes: number,
  ): void {
    const row = this.#count;
    const header = (this.#headers + row * MMSGHDR_BYTES) >> 2;
    this.#words[header + (MSGHDR_NAMELEN >> 2)] = nameBytes;
    this.#words[header + (MSGHDR_CONTROLLEN >> 2)] = controlBytes;
    this.#words[(this.#iovecs + row * IOVEC_BYTES + IOVEC_LENGTH) >> 2] = lengthBytes;
    this.#copyWords(nameOffset, this.#names + row * SOCKADDR_BYTES_MAX, nameBytes);
    if (controlBytes !== 0) {
      this.#copyWords(controlOffset, this.#controls + row * CONTROL_BYTES, controlBytes);
    }
    this.#count = row + 1;
  }

  /**
   * Sends all that was committed. A message that the kernel refuses (no route, buffer full) is
   * counted and stepped over: its client asks again, the others must not suffer.
   */
  flush(): void {
    let row = 0;
    let isSecondTry = false;
    while (row < this.#count) {
      const left = this.#count - row;
      // sendmsg has three arguments and answers a length; sendmmsg four and a count.
      const sent =
        left === 1
          ? Math.min(this.#kernel.sendmsg(this.#fd, this.#pointers[row]!, MSG_DONTWAIT), 1)
          : this.#kernel.sendmmsg(this.#fd, this.#pointers[row]!, left, MSG_DONTWAIT);
      if (sent > 0) {
        row += sent;
        isSecondTry = false;
      } else if (sent === -ECONNREFUSED && !isSecondTry) {
        // A connected socket tells of an earlier message here; this one was not tried.
        isSecondTry = true;
      } else {
        isSecondTry = false;
        this.lastErrno = -sent;
        this.dropCount += 1;
        row += 1;
      }
    }
    this.#count = 0;
  }

  #copyWords(source: number, target: number, lengthBytes: number): void {
    const from = source >> 2;
    const to = target >> 2;
    const count = (lengthBytes + 3) >> 2;
    for (let index = 0; index < count; index++)
      this.#words[to + index] = this.#words[from + index]!;
  }
}

// Hot path.
/** One `msghdr` with one `iovec`, for streams: points wherever the next bytes are. */

import type { Kernel, Pointer } from "./kernel.ts";
import { IOVEC_BYTES, IOVEC_LENGTH, MSGHDR_BYTES, MSGHDR_IOV, MSGHDR_IOVLEN } from "./layout.ts";
import type { Slab } from "./slab.ts";

export class MessageHeader {
  /** For `recvmsg` and `sendmsg`. */
  readonly pointer: Pointer;
  readonly #slab: Slab;
  readonly #iovec: number;

  constructor(kernel: Kernel) {
    const { slab } = kernel;
    const header = slab.carve(MSGHDR_BYTES);
    this.#slab = slab;
    this.#iovec = slab.carve(IOVEC_BYTES);
    slab.writeAddress(header + MSGHDR_IOV, this.#iovec);
    slab.words[(header + MSGHDR_IOVLEN) >> 2] = 1;
    this.pointer = kernel.pointer(header);
  }

  /** Points to `lengthBytes` bytes at `offset` of the slab. */
  set(offset: number, lengthBytes: number): void {
    this.#slab.writeAddress(this.#iovec, offset);
    this.#slab.words[(this.#iovec + IOVEC_LENGTH) >> 2] = lengthBytes;
  }
}

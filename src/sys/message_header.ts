// Hot path.
/** One `msghdr` with one `iovec`, for streams: points wherever the next bytes are. */

import type { Kernel, Pointer } from "./kernel.ts";
import {
  IOVEC_BYTES,
  IOVEC_LENGTH,
  MSGHDR_BYTES,
  MSGHDR_IOV,
  MSGHDR_IOVLEN,
  MSGHDR_NAME,
  MSGHDR_NAMELEN,
} from "./layout.ts";
import type { Slab } from "./slab.ts";
import { SOCKADDR_BYTES_MAX } from "./sockaddr.ts";

export class MessageHeader {
  /** For `recvmsg` and `sendmsg`. */
  readonly pointer: Pointer;
  readonly #slab: Slab;
  readonly #iovec: number;

  /** @param name where in the slab the peer's sockaddr is, for a socket that is not connected. */
  constructor(kernel: Kernel, name?: number) {
    const { slab } = kernel;
    const header = slab.carve(MSGHDR_BYTES);
    if (name !== undefined) {
      slab.writeAddress(header + MSGHDR_NAME, name);
      slab.words[(header + MSGHDR_NAMELEN) >> 2] = SOCKADDR_BYTES_MAX;
    }
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

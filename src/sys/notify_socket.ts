/**
 * The socket by which a service manager hears of its services: sd_notify(3), without libsystemd.
 *
 * Node has no datagram sockets of the UNIX family. Messages are seldom, so each has a socket of its
 * own: a manager that has been started anew meanwhile gets it as well.
 */

import type { ControlKernel } from "./control_kernel.ts";
import { EINVAL } from "./errno.ts";
import type { Pointer } from "./kernel.ts";
import {
  AF_UNIX,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCKADDR_UN_BYTES,
  SOCKADDR_UN_PATH,
} from "./layout.ts";

/** What the kernel's queue for one datagram surely takes. */
const MESSAGE_BYTES_MAX = 2048;
/** In the slab of the kernel that a `NotifySocket` is given. */
export const NOTIFY_SLAB_BYTES = 16_384;
const ABSTRACT = "@";

export class NotifySocket {
  readonly #kernel: ControlKernel;
  readonly #address: number;
  readonly #addressPointer: Pointer;
  readonly #addressBytes: number;
  readonly #message: number;
  readonly #messagePointer: Pointer;

  /** @param path as in NOTIFY_SOCKET: a path, or `@` and the name of an abstract socket. */
  constructor(kernel: ControlKernel, path: string) {
    const { slab } = kernel;
    this.#kernel = kernel;
    this.#address = slab.carve(SOCKADDR_UN_BYTES);
    this.#addressPointer = kernel.pointer(this.#address);
    this.#message = slab.carve(MESSAGE_BYTES_MAX);
    this.#messagePointer = kernel.pointer(this.#message);
    this.#addressBytes = this.#writeAddress(path);
  }

  /** Sends lines such as `READY=1`. Never waits. @returns 0, or a negated error number. */
  send(lines: readonly string[]): number {
    if (this.#addressBytes < 0) return this.#addressBytes;
    const bytes = new TextEncoder().encode(lines.join("\n")).subarray(0, MESSAGE_BYTES_MAX);
    const kernel = this.#kernel;
    const fd = kernel.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    kernel.slab.bytes.set(bytes, this.#message);
    let code = kernel.connect(fd, this.#addressPointer, this.#addressBytes);
    if (code >= 0) code = kernel.write(fd, this.#messagePointer, bytes.length);
    kernel.close(fd);
    return Math.min(code, 0);
  }

  /** struct sockaddr_un: the family, then the path; an abstract one begins with a zero. */
  #writeAddress(path: string): number {
    const { slab } = this.#kernel;
    if (!path.startsWith("/") && !path.startsWith(ABSTRACT)) return -EINVAL;
    const bytes = new TextEncoder().encode(path);
    const isAbstract = path.startsWith(ABSTRACT);
    if (isAbstract) bytes[0] = 0;
    // A path ends with a zero; the name of an abstract socket ends where the address does.
    const lengthBytes = SOCKADDR_UN_PATH + bytes.length + (isAbstract ? 0 : 1);
    if (lengthBytes > SOCKADDR_UN_BYTES) return -EINVAL;
    slab.bytes.fill(0, this.#address, this.#address + SOCKADDR_UN_BYTES);
    slab.view.setUint16(this.#address, AF_UNIX, true);
    slab.bytes.set(bytes, this.#address + SOCKADDR_UN_PATH);
    return lengthBytes;
  }
}

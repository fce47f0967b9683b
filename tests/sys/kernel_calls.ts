/**
 * A `Kernel` with arguments as plain values, for tests: bytes in, bytes out, addresses as text.
 *
 * Everything stands in its own piece of the slab, filled with 0xee before the kernel writes, so
 * that a test sees what was really written.
 */

import { EAGAIN } from "../../src/sys/errno.ts";
import type { Kernel, Pointer } from "../../src/sys/kernel.ts";
import {
  EPOLL_CTL_ADD,
  EPOLL_EVENT_BYTES,
  EPOLL_EVENT_DATA,
  IOVEC_BYTES,
  IOVEC_LENGTH,
  MMSGHDR_BYTES,
  MMSGHDR_LEN,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSGHDR_CONTROL,
  MSGHDR_CONTROLLEN,
  MSGHDR_FLAGS,
  MSGHDR_IOV,
  MSGHDR_IOVLEN,
  MSGHDR_NAME,
  MSGHDR_NAMELEN,
  POLLFD_EVENTS,
  POLLFD_REVENTS,
} from "../../src/sys/layout.ts";
import {
  readAddress,
  readPort,
  SOCKADDR_BYTES_MAX,
  writeSockaddr,
} from "../../src/sys/sockaddr.ts";
import { Sockets } from "../../src/sys/sockets.ts";

const ROWS = 8;
const BUFFER_BYTES = 70_000;
const CONTROL_BYTES = 64;
/** No test waits longer for something that must happen. */
const WAIT_MS = 2000;

export interface Received {
  readonly text: string;
  readonly from: string;
  readonly port: number;
  readonly nameBytes: number;
  readonly flags: number;
  readonly control: Uint8Array;
}

export interface Event {
  readonly events: number;
  readonly tag: number;
  readonly generation: number;
}

export interface Outgoing {
  readonly text: string;
  readonly to?: readonly [address: string, port: number];
  readonly control?: Uint8Array;
}

export class KernelCalls {
  readonly kernel: Kernel;
  readonly sockets: Sockets;
  readonly #headers: number;
  readonly #names: number;
  readonly #controls: number;
  readonly #buffers: number;
  readonly #iovecs: number;
  readonly #events: number;
  readonly #value: number;
  readonly #length: number;

  constructor(kernel: Kernel) {
    const { slab } = kernel;
    this.kernel = kernel;
    this.sockets = new Sockets(kernel);
    this.#headers = slab.carve(ROWS * MMSGHDR_BYTES);
    this.#names = slab.carve(ROWS * SOCKADDR_BYTES_MAX);
    this.#controls = slab.carve(ROWS * CONTROL_BYTES);
    this.#buffers = slab.carve(ROWS * BUFFER_BYTES);
    this.#iovecs = slab.carve(ROWS * IOVEC_BYTES);
    this.#events = slab.carve(ROWS * EPOLL_EVENT_BYTES);
    this.#value = slab.carve(64);
    this.#length = slab.carve(8);
  }

  at(offset: number): Pointer {
    return this.kernel.pointer(offset);
  }

  /** recvmmsg; the datagrams, or a negated error number. */
  receiveMany(fd: number, bufferBytes = 2048, controlBytes = CONTROL_BYTES): Received[] | number {
    for (let row = 0; row < ROWS; row++) this.#prepare(row, bufferBytes, controlBytes);
    const count = this.kernel.recvmmsg(fd, this.at(this.#headers), ROWS, MSG_DONTWAIT);
    if (count < 0) return count;
    return Array.from({ length: count }, (_, row) => {
      const at = this.#headers + row * MMSGHDR_BYTES + MMSGHDR_LEN;
      return this.#received(row, this.kernel.slab.words[at >> 2]!);
    });
  }

  /** recvmsg; the datagram, or a negated error number. */
  receive(fd: number, bufferBytes = 2048, flags = MSG_DONTWAIT): Received | number {
    this.#prepare(0, bufferBytes, CONTROL_BYTES);
    const length = this.kernel.recvmsg(fd, this.at(this.#headers), flags);
    return length < 0 ? length : this.#received(0, length);
  }

  /** recvmsg with a wait before it; fails when nothing comes. */
  await(fd: number): Received {
    this.waitFor(fd, 1);
    const received = this.receive(fd);
    if (typeof received === "number") throw new Error(`nothing came: ${received}`);
    return received;
  }

  sendMany(fd: number, messages: readonly Outgoing[]): number {
    messages.forEach((message, row) => {
      this.#compose(row, message);
    });
    return this.kernel.sendmmsg(fd, this.at(this.#headers), messages.length, MSG_DONTWAIT);
  }

  send(fd: number, message: Outgoing): number {
    this.#compose(0, message);
    return this.kernel.sendmsg(fd, this.at(this.#headers), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /** Writes `lengthBytes` bytes of `fill` to a stream by sendmsg. */
  sendBytes(fd: number, lengthBytes: number, fill: number): number {
    this.#compose(0, { text: "" });
    this.kernel.slab.bytes.fill(fill, this.#buffers, this.#buffers + lengthBytes);
    this.kernel.slab.words[(this.#iovecs + IOVEC_LENGTH) >> 2] = lengthBytes;
    return this.kernel.sendmsg(fd, this.at(this.#headers), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  read(fd: number, lengthBytes = 64): Uint8Array | number {
    const count = this.kernel.read(fd, this.at(this.#buffers), lengthBytes);
    return count < 0 ? count : this.kernel.slab.bytes.slice(this.#buffers, this.#buffers + count);
  }

  write(fd: number, bytes: Uint8Array): number {
    this.kernel.slab.bytes.set(bytes, this.#buffers);
    return this.kernel.write(fd, this.at(this.#buffers), bytes.length);
  }

  bind(fd: number, address: string, port: number): number {
    const length = writeSockaddr(this.kernel.slab, this.#value, address, port);
    return this.kernel.bind(fd, this.at(this.#value), length);
  }

  connect(fd: number, address: string, port: number): number {
    const length = writeSockaddr(this.kernel.slab, this.#value, address, port);
    return this.kernel.connect(fd, this.at(this.#value), length);
  }

  option(fd: number, level: number, name: number, value: number): number {
    this.kernel.slab.words[this.#value >> 2] = value;
    return this.kernel.setsockopt(fd, level, name, this.at(this.#value), 4);
  }

  /** accept4; descriptor and the client's port. */
  accept(fd: number, flags: number): readonly [fd: number, address: string, port: number] {
    this.kernel.slab.words[this.#length >> 2] = SOCKADDR_BYTES_MAX;
    const value = this.at(this.#value);
    const accepted = this.kernel.accept4(fd, value, this.at(this.#length), flags);
    if (accepted < 0) return [accepted, "", 0];
    const { slab } = this.kernel;
    return [accepted, readAddress(slab, this.#value), readPort(slab, this.#value)];
  }

  localAddress(fd: number): string {
    this.kernel.slab.words[this.#length >> 2] = SOCKADDR_BYTES_MAX;
    this.kernel.getsockname(fd, this.at(this.#value), this.at(this.#length));
    return readAddress(this.kernel.slab, this.#value);
  }

  /** epoll_wait; what is ready. */
  events(epoll: number, timeoutMs = 0, count = ROWS): Event[] {
    const { bytes, view } = this.kernel.slab;
    bytes.fill(0xee, this.#events, this.#events + ROWS * EPOLL_EVENT_BYTES);
    const ready = this.kernel.epollWait(epoll, this.at(this.#events), count, timeoutMs);
    if (ready < 0) throw new Error(`epoll_wait: ${ready}`);
    return Array.from({ length: ready }, (_, row) => {
      const at = this.#events + row * EPOLL_EVENT_BYTES;
      return {
        events: view.getUint32(at, true),
        tag: view.getInt32(at + EPOLL_EVENT_DATA, true),
        generation: view.getInt32(at + EPOLL_EVENT_DATA + 4, true),
      };
    });
  }

  /** poll on one descriptor; revents, 0 when nothing is ready. */
  poll(fd: number, events: number, timeoutMs = 0): number {
    const { view } = this.kernel.slab;
    view.setInt32(this.#value, fd, true);
    view.setInt16(this.#value + POLLFD_EVENTS, events, true);
    view.setInt16(this.#value + POLLFD_REVENTS, -1, true);
    const ready = this.kernel.poll(this.at(this.#value), 1, timeoutMs);
    if (ready < 0) throw new Error(`poll: ${ready}`);
    const revents = view.getUint16(this.#value + POLLFD_REVENTS, true);
    if ((revents !== 0) !== (ready === 1)) throw new Error(`poll: ${ready} but revents ${revents}`);
    return revents;
  }

  /** Waits until one of `events` holds; fails when none comes. @returns what holds. */
  waitFor(fd: number, events: number): number {
    const revents = this.poll(fd, events, WAIT_MS);
    if ((revents & events) === 0) throw new Error(`waited for ${events}, revents ${revents}`);
    return revents;
  }

  /** What epoll says of `fd`, all events asked for, once there is any of `events`. */
  readiness(fd: number, events: number): number {
    this.waitFor(fd, events);
    const epoll = this.kernel.epollCreate();
    this.sockets.watch(epoll, EPOLL_CTL_ADD, fd, 0x201f, 0);
    const ready = this.events(epoll);
    this.kernel.close(epoll);
    return ready.length === 0 ? 0 : ready[0]!.events;
  }

  #prepare(row: number, bufferBytes: number, controlBytes: number): void {
    const { slab } = this.kernel;
    const [name, control, buffer] = this.#places(row);
    slab.bytes.fill(0xee, name, name + SOCKADDR_BYTES_MAX);
    slab.bytes.fill(0xee, control, control + CONTROL_BYTES);
    slab.bytes.fill(0xee, buffer, buffer + bufferBytes);
    this.#header(row, SOCKADDR_BYTES_MAX, controlBytes, bufferBytes);
  }

  #compose(row: number, message: Outgoing): void {
    const { slab } = this.kernel;
    const [name, control, buffer] = this.#places(row);
    const text = new TextEncoder().encode(message.text);
    slab.bytes.set(text, buffer);
    slab.bytes.set(message.control ?? [], control);
    const nameBytes = message.to ? writeSockaddr(slab, name, message.to[0], message.to[1]) : 0;
    this.#header(row, nameBytes, message.control?.length ?? 0, text.length);
  }

  #places(row: number): readonly [number, number, number] {
    return [
      this.#names + row * SOCKADDR_BYTES_MAX,
      this.#controls + row * CONTROL_BYTES,
      this.#buffers + row * BUFFER_BYTES,
    ];
  }

  #header(row: number, nameBytes: number, controlBytes: number, bufferBytes: number): void {
    const { slab } = this.kernel;
    const header = this.#headers + row * MMSGHDR_BYTES;
    const iovec = this.#iovecs + row * IOVEC_BYTES;
    const [name, control, buffer] = this.#places(row);
    slab.bytes.fill(0, header, header + MMSGHDR_BYTES);
    if (nameBytes > 0) slab.writeAddress(header + MSGHDR_NAME, name);
    slab.words[(header + MSGHDR_NAMELEN) >> 2] = nameBytes;
    slab.writeAddress(header + MSGHDR_IOV, iovec);
    slab.words[(header + MSGHDR_IOVLEN) >> 2] = 1;
    if (controlBytes > 0) slab.writeAddress(header + MSGHDR_CONTROL, control);
    slab.words[(header + MSGHDR_CONTROLLEN) >> 2] = controlBytes;
    slab.writeAddress(iovec, buffer);
    slab.words[(iovec + IOVEC_LENGTH) >> 2] = bufferBytes;
    slab.words[((iovec + IOVEC_LENGTH) >> 2) + 1] = 0;
  }

  #received(row: number, lengthBytes: number): Received {
    const { slab } = this.kernel;
    const header = this.#headers + row * MMSGHDR_BYTES;
    const [name, control, buffer] = this.#places(row);
    const nameBytes = slab.words[(header + MSGHDR_NAMELEN) >> 2]!;
    const controlBytes = slab.words[(header + MSGHDR_CONTROLLEN) >> 2]!;
    return {
      text: new TextDecoder().decode(slab.bytes.slice(buffer, buffer + lengthBytes)),
      from: nameBytes === 0 ? "" : readAddress(slab, name),
      port: nameBytes === 0 ? 0 : readPort(slab, name),
      nameBytes,
      flags: slab.words[(header + MSGHDR_FLAGS) >> 2]!,
      control: slab.bytes.slice(control, control + controlBytes),
    };
  }
}

/** What a call answers when there is nothing to do. */
export const NOTHING = -EAGAIN;

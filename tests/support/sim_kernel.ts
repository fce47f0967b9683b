/**
 * The simulated twin of the kernel: `Kernel` over a virtual clock and network, set by one seed.
 *
 * The server under test is the real one; only system calls are played. Sleeping (`poll`,
 * `epollWait`) moves the clock to the next event of the network or to the time-out, never beyond
 * `horizonMs`, so that a test can stop time where it wants to look. The outside world is scripted
 * with the peers of `sim_peers.ts`, in the same virtual time.
 *
 * What the real kernel does and this one does not is an error here (an unknown socket option, a
 * sleep that nothing can end), so that a test fails instead of passing for the wrong reason.
 */

import { EAGAIN, EINPROGRESS, EINVAL, EMFILE, ENOENT, ENOTCONN } from "../../src/sys/errno.ts";
import type { Kernel, Pointer } from "../../src/sys/kernel.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_EVENT_BYTES,
  EPOLL_EVENT_DATA,
  MMSGHDR_BYTES,
  MMSGHDR_LEN,
  POLLFD_BYTES,
  POLLFD_EVENTS,
  POLLFD_REVENTS,
  SHUT_WR,
  SO_ERROR,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../src/sys/layout.ts";
import { EpollFile, EventFile, TcpFile, UdpFile } from "./sim_files.ts";
import { isKnownOption } from "./sim_options.ts";
import { SimSystem } from "./sim_system.ts";

const EEXIST = 17;
const EISCONN = 106;
const EADDRNOTAVAIL = 99;
const EAFNOSUPPORT = 97;
const ENOPROTOOPT = 92;
const POLLNVAL = 0x20;
const WILDCARDS = new Set(["0.0.0.0", "::"]);

export class SimKernel extends SimSystem implements Kernel {
  pointer(offset: number): Pointer {
    return this.memory.pointer(offset);
  }

  monotonicMs(): number {
    return this.clock.nowMs;
  }

  wallMs(): number {
    return this.clock.wallMs;
  }

  randomBytes(target: Uint8Array): void {
    for (let at = 0; at < target.length; at++) target[at] = this.prng.below(256);
  }

  poll(descriptors: Pointer, count: number, timeoutMs: number): number {
    return this.call("poll", () => {
      const { view } = this.slab;
      const base = this.memory.offsetOf(descriptors, count * POLLFD_BYTES);
      return this.sleep(timeoutMs, () => {
        let ready = 0;
        for (let at = base; at < base + count * POLLFD_BYTES; at += POLLFD_BYTES) {
          const fd = view.getInt32(at, true);
          const file = this.files[fd];
          const asked = view.getUint16(at + POLLFD_EVENTS, true) | 0x18;
          const events = fd < 0 ? 0 : file === undefined ? POLLNVAL : file.readiness & asked;
          view.setUint16(at + POLLFD_REVENTS, events, true);
          if (events !== 0) ready += 1;
        }
        return ready;
      });
    });
  }

  recvmsg(fd: number, header: Pointer, flags: number): number {
    return this.call("recvmsg", () =>
      this.messages.receive(this.file(fd), this.memory.offsetOf(header, 56), flags),
    );
  }

  sendmsg(fd: number, header: Pointer, flags: number): number {
    return this.call("sendmsg", () =>
      this.messages.send(this.file(fd), this.memory.offsetOf(header, 56), flags),
    );
  }

  recvmmsg(fd: number, headers: Pointer, count: number, flags: number): number {
    return this.call("recvmmsg", () =>
      this.#each(headers, count, (header) => this.messages.receive(this.file(fd), header, flags)),
    );
  }

  sendmmsg(fd: number, headers: Pointer, count: number, flags: number): number {
    return this.call("sendmmsg", () =>
      this.#each(headers, count, (header) => this.messages.send(this.file(fd), header, flags)),
    );
  }

  epollCreate(): number {
    return this.call("epollCreate", () => this.open(new EpollFile()));
  }

  epollCtl(epoll: number, operation: number, fd: number, event: Pointer): number {
    return this.call("epollCtl", () => {
      const { interests } = this.epoll(epoll);
      const file = this.file(fd);
      if (operation === EPOLL_CTL_ADD && interests.has(fd)) return -EEXIST;
      if (operation !== EPOLL_CTL_ADD && !interests.has(fd)) return -ENOENT;
      if (operation === EPOLL_CTL_DEL) return interests.delete(fd) ? 0 : -ENOENT;
      const at = this.memory.offsetOf(event, EPOLL_EVENT_BYTES);
      interests.set(fd, {
        file,
        events: this.slab.view.getUint32(at, true),
        dataLow: this.slab.view.getUint32(at + EPOLL_EVENT_DATA, true),
        dataHigh: this.slab.view.getUint32(at + EPOLL_EVENT_DATA + 4, true),
      });
      return 0;
    });
  }

  epollWait(epoll: number, events: Pointer, count: number, timeoutMs: number): number {
    return this.call("epollWait", () => {
      if (count <= 0) return -EINVAL;
      const { view } = this.slab;
      const base = this.memory.offsetOf(events, count * EPOLL_EVENT_BYTES);
      const file = this.epoll(epoll);
      return this.sleep(timeoutMs, () => {
        const ready = file.takeReady(count);
        ready.forEach((interest, index) => {
          const at = base + index * EPOLL_EVENT_BYTES;
          view.setUint32(at, interest.ready, true);
          view.setUint32(at + EPOLL_EVENT_DATA, interest.dataLow, true);
          view.setUint32(at + EPOLL_EVENT_DATA + 4, interest.dataHigh, true);
        });
        return ready.length;
      });
    });
  }

  eventfd(): number {
    return this.call("eventfd", () => this.open(new EventFile()));
  }

  read(fd: number, buffer: Pointer, lengthBytes: number): number {
    return this.call("read", () => {
      const file = this.file(fd);
      const offset = this.memory.offsetOf(buffer, lengthBytes);
      if (file instanceof EventFile) {
        if (lengthBytes < 8) return -EINVAL;
        const value = file.take();
        if (typeof value === "number") return value;
        this.slab.view.setBigUint64(offset, value, true);
        return 8;
      }
      if (file.kind === "epoll") return -EINVAL;
      return this.messages.receiveBytes(file, [{ offset, lengthBytes }], 0);
    });
  }

  write(fd: number, buffer: Pointer, lengthBytes: number): number {
    return this.call("write", () => {
      const file = this.file(fd);
      const offset = this.memory.offsetOf(buffer, lengthBytes);
      if (file instanceof EventFile) {
        if (lengthBytes < 8) return -EINVAL;
        file.add(this.slab.view.getBigUint64(offset, true));
        return 8;
      }
      if (file.kind === "epoll") return -EINVAL;
      return this.messages.sendBytes(file, [{ offset, lengthBytes }], 0);
    });
  }

  socket(family: number, type: number, _protocol: number): number {
    return this.call("socket", () => {
      if (family !== AF_INET && family !== AF_INET6) return -EAFNOSUPPORT;
      const wildcard = family === AF_INET ? "0.0.0.0" : "::";
      const blocking = (type & SOCK_NONBLOCK) === 0;
      const kind = type & 0xf;
      if (kind === SOCK_DGRAM) {
        return this.open(new UdpFile(this.network, family, wildcard, blocking));
      }
      if (kind !== SOCK_STREAM) return -EINVAL;
      return this.open(new TcpFile(this.network, family, wildcard, blocking));
    });
  }

  socketPair(offset: number): number {
    return this.call("socketPair", () => {
      const [one, other] = this.network.connectedPair();
      const descriptors = [one, other].map((stream) => {
        const file = new TcpFile(this.network, AF_UNIX, stream.local.address, false);
        file.local = stream.local;
        file.stream = stream;
        return this.open(file);
      });
      if (descriptors[1]! < 0) {
        if (descriptors[0]! >= 0) this.release(descriptors[0]!);
        return -EMFILE;
      }
      descriptors.forEach((fd, index) => {
        this.slab.view.setInt32(offset + 4 * index, fd, true);
      });
      return 0;
    });
  }

  bind(fd: number, address: Pointer, lengthBytes: number): number {
    return this.call("bind", () => {
      const file = this.socketFile(fd);
      const at = this.memory.offsetOf(address, lengthBytes);
      const local = this.memory.readEndpoint(at, lengthBytes);
      if (!this.network.isLocal(local.address)) return -EADDRNOTAVAIL;
      return file.bind(local.port === 0 ? this.#withPort(local.address) : local);
    });
  }

  connect(fd: number, address: Pointer, lengthBytes: number): number {
    return this.call("connect", () => {
      const file = this.socketFile(fd);
      const at = this.memory.offsetOf(address, lengthBytes);
      const remote = this.memory.readEndpoint(at, lengthBytes);
      const source = this.network.sourceFor(remote.address);
      const local = { address: source, port: file.local.port || this.network.ephemeralPort() };
      if (file instanceof UdpFile) {
        if (!file.isBound) file.bind(local);
        // connect(2) fixes the local address, too, where bind(2) has not: that of the route.
        if (WILDCARDS.has(file.local.address)) {
          file.local = { address: source, port: file.local.port };
        }
        file.remote = remote;
        return 0;
      }
      if (file.isListening) return -EINVAL;
      if (file.stream !== null) return -EISCONN;
      if (!file.isBound) file.local = local;
      file.stream = this.network.connect(file.local, remote);
      file.applyBuffers();
      if (file.blocking) throw new Error("Cannot connect: the socket is a blocking one");
      return -EINPROGRESS;
    });
  }

  listen(fd: number, backlog: number): number {
    return this.call("listen", () => {
      const file = this.file(fd);
      return file instanceof TcpFile ? file.listen(backlog) : -EINVAL;
    });
  }

  accept4(fd: number, address: Pointer, lengthBytes: Pointer, flags: number): number {
    return this.call("accept4", () => {
      const file = this.file(fd);
      if (!(file instanceof TcpFile) || !file.isListening) return -EINVAL;
      if (this.isFull) return -EMFILE;
      const stream = file.takeWaiting();
      if (stream === null) return -EAGAIN;
      const accepted = new TcpFile(
        this.network,
        file.family,
        file.local.address,
        (flags & SOCK_NONBLOCK) === 0,
      );
      accepted.local = stream.local;
      accepted.stream = stream;
      accepted.options.copyFrom(file.options);
      accepted.applyBuffers();
      accepted.isBound = true;
      this.#writeAddress(address, lengthBytes, stream.remote);
      return this.open(accepted);
    });
  }

  getsockname(fd: number, address: Pointer, lengthBytes: Pointer): number {
    return this.call("getsockname", () => {
      this.#writeAddress(address, lengthBytes, this.socketFile(fd).local);
      return 0;
    });
  }

  setsockopt(fd: number, level: number, name: number, value: Pointer, length: number): number {
    return this.call("setsockopt", () => {
      const file = this.socketFile(fd);
      if (length < 4) return -EINVAL;
      if (!isKnownOption(level, name)) return -ENOPROTOOPT;
      const number = this.slab.view.getInt32(this.memory.offsetOf(value, 4), true);
      file.options.set(level, name, number);
      if (file instanceof TcpFile) file.applyBuffers();
      return 0;
    });
  }

  getsockopt(fd: number, level: number, name: number, value: Pointer, length: Pointer): number {
    return this.call("getsockopt", () => {
      const file = this.socketFile(fd);
      if (!isKnownOption(level, name)) return -ENOPROTOOPT;
      let answer = file.options.get(level, name);
      if (level === SOL_SOCKET && name === SO_ERROR) {
        answer = file instanceof UdpFile ? file.takeError() : (file.stream?.takeError() ?? 0);
      } else if (level === SOL_SOCKET && name === SO_RCVBUF && file instanceof UdpFile) {
        answer = file.receiveLimitBytes;
      }
      this.slab.view.setInt32(this.memory.offsetOf(value, 4), answer, true);
      this.slab.view.setInt32(this.memory.offsetOf(length, 4), 4, true);
      return 0;
    });
  }

  shutdown(fd: number, how: number): number {
    return this.call("shutdown", () => {
      const file = this.socketFile(fd);
      if (!(file instanceof TcpFile) || file.stream === null) return -ENOTCONN;
      if (how !== SHUT_WR) throw new Error("Cannot shut down: only SHUT_WR is simulated");
      file.stream.finish();
      return 0;
    });
  }

  gettid(): number {
    return 1;
  }

  trimHeap(): void {}

  dropFilePages(): void {}

  adviseHugePages(): void {}

  close(fd: number): number {
    return this.call("close", () => {
      const file = this.file(fd);
      this.release(fd);
      file.close();
      return 0;
    });
  }

  /** Goes through the mmsghdrs at `headers` until one fails; that counts if it is the first. */
  #each(headers: Pointer, count: number, body: (header: number) => number): number {
    const base = this.memory.offsetOf(headers, count * MMSGHDR_BYTES);
    for (let index = 0; index < count; index++) {
      const header = base + index * MMSGHDR_BYTES;
      const code = body(header);
      if (code < 0) return index > 0 ? index : code;
      this.slab.view.setUint32(header + MMSGHDR_LEN, code, true);
    }
    return count;
  }

  #writeAddress(
    address: Pointer,
    lengthBytes: Pointer,
    endpoint: { address: string; port: number },
  ) {
    const { view } = this.slab;
    const length = this.memory.offsetOf(lengthBytes, 4);
    const room = view.getInt32(length, true);
    const at = this.memory.offsetOf(address, room);
    view.setInt32(length, this.memory.writeEndpoint(at, room, endpoint), true);
  }

  #withPort(address: string): { address: string; port: number } {
    return { address, port: this.network.ephemeralPort() };
  }
}

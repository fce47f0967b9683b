/**
 * Opening sockets: everything about them that happens once. What happens per packet is in `server/`
 * and `upstream/`, on the descriptors that are opened here.
 */

import { EADDRINUSE, EINPROGRESS, SysError } from "./errno.ts";
import type { Kernel, Pointer } from "./kernel.ts";
import {
  AF_INET6,
  EPOLL_EVENT_DATA,
  IP_MTU_DISCOVER,
  IP_PKTINFO,
  IP_PMTUDISC_OMIT,
  IP_TRANSPARENT,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_MTU_DISCOVER,
  IPV6_RECVPKTINFO,
  IPV6_TRANSPARENT,
  IPV6_V6ONLY,
  SO_ERROR,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
} from "./layout.ts";
import { familyOf, readAddress, readPort, SOCKADDR_BYTES_MAX, writeSockaddr } from "./sockaddr.ts";

/**
 * Ports for sockets towards upstreams: above the reserved ones, all equally likely (RFC 6056 §3.2).
 */
const PORT_MIN = 1024;
const PORT_COUNT = 65_536 - PORT_MIN;
const PORT_TRIES_MAX = 16;
const TCP_BACKLOG = 1024;
/** Of the discard service (RFC 863), which never writes. */
const DISCARD_PORT = 9;

export class Sockets {
  readonly #kernel: Kernel;
  readonly #address: number;
  readonly #addressPointer: Pointer;
  readonly #value: number;
  readonly #valuePointer: Pointer;
  readonly #length: number;
  readonly #lengthPointer: Pointer;
  readonly #event: number;
  readonly #eventPointer: Pointer;
  /** What `connectPair` has made besides its answer. */
  otherEnd = -1;

  constructor(kernel: Kernel) {
    const { slab } = kernel;
    this.#kernel = kernel;
    this.#address = slab.carve(SOCKADDR_BYTES_MAX);
    this.#addressPointer = kernel.pointer(this.#address);
    this.#value = slab.carve(8);
    this.#valuePointer = kernel.pointer(this.#value);
    this.#length = slab.carve(8);
    this.#lengthPointer = kernel.pointer(this.#length);
    this.#event = slab.carve(16);
    this.#eventPointer = kernel.pointer(this.#event);
  }

  /**
   * A bound, non-blocking UDP socket for clients; port 0 lets the kernel choose.
   *
   * @param pktinfo ask for each packet's destination address: needed on a wildcard address, where
   * an answer has to come from the address that was asked.
   * @param transparent bind even while the machine does not have the address, and go on sending
   * from it after it is gone (IP_TRANSPARENT in ip(7)). Default false.
   * @throws {SysError} EADDRINUSE, EACCES, EADDRNOTAVAIL …
   */
  listenUdp(
    address: string,
    port: number,
    receiveBufferBytes: number,
    pktinfo: boolean,
    transparent = false,
  ): number {
    const fd = this.#open(address, SOCK_DGRAM, `listen on UDP ${printable(address, port)}`);
    const v6 = familyOf(address) === AF_INET6;
    this.#option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (v6) this.#option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (transparent) this.#makeTransparent(fd, address, port, "UDP");
    // No fragments that somebody could replace (RFC 9715 §3.1); best effort.
    if (v6) this.#option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    else this.#option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    if (pktinfo && v6) this.#option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (pktinfo && !v6) this.#option(fd, IPPROTO_IP, IP_PKTINFO, 1);
    // FORCE goes beyond net.core.rmem_max and needs CAP_NET_ADMIN.
    if (this.#option(fd, SOL_SOCKET, SO_RCVBUFFORCE, receiveBufferBytes) < 0) {
      this.#option(fd, SOL_SOCKET, SO_RCVBUF, receiveBufferBytes);
    }
    this.#bindOrThrow(fd, address, port, "UDP");
    return fd;
  }

  /** A bound, listening, non-blocking TCP socket for clients. @throws {SysError} as `listenUdp`. */
  listenTcp(address: string, port: number, transparent = false): number {
    const fd = this.#open(address, SOCK_STREAM, `listen on TCP ${printable(address, port)}`);
    this.#option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    this.#option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (familyOf(address) === AF_INET6) this.#option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (transparent) this.#makeTransparent(fd, address, port, "TCP");
    this.#bindOrThrow(fd, address, port, "TCP");
    const code = this.#kernel.listen(fd, TCP_BACKLOG);
    if (code < 0) this.#fail(fd, `listen on TCP ${printable(address, port)}`, code);
    return fd;
  }

  /**
   * A UDP socket connected to an upstream from a port chosen by `randomBelow`.
   *
   * Connected, so that the kernel drops what others send (RFC 5452 §4.2) and tells us of ICMP
   * errors.
   * @param source address that it leaves from; null lets the kernel choose.
   * @returns the descriptor, or a negated error number.
   */
  connectUdp(
    address: string,
    port: number,
    randomBelow: (count: number) => number,
    source: string | null = null,
  ): number {
    const fd = this.#kernel.socket(familyOf(address), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    const wildcard = familyOf(address) === AF_INET6 ? "::" : "0.0.0.0";
    let code = -EADDRINUSE;
    for (let tries = 0; tries < PORT_TRIES_MAX && code === -EADDRINUSE; tries++) {
      code = this.#bind(fd, source ?? wildcard, PORT_MIN + randomBelow(PORT_COUNT));
    }
    // A machine with nearly all ports taken: let the kernel look for a free one.
    if (code === -EADDRINUSE) code = source === null ? 0 : this.#bind(fd, source, 0);
    if (code >= 0) code = this.#connect(fd, address, port);
    if (code < 0) this.#kernel.close(fd);
    return code < 0 ? code : fd;
  }

  /** A TCP socket whose connection to an upstream is being made. @returns as `connectUdp`. */
  connectTcp(address: string, port: number, source: string | null = null): number {
    const fd = this.#kernel.socket(
      familyOf(address),
      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
      0,
    );
    if (fd < 0) return fd;
    this.#option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    const bound = source === null ? 0 : this.#bind(fd, source, 0);
    const code = bound < 0 ? bound : this.#connect(fd, address, port);
    return code < 0 && code !== -EINPROGRESS ? this.#closed(fd, code) : fd;
  }

  /**
   * From now on nothing more is delivered to the UDP socket `fd`: others of its SO_REUSEPORT group
   * get it. What is queued can still be read, and answers can be sent. Best effort.
   */
  leaveGroup(fd: number): void {
    this.#kernel.slab.words[this.#length >> 2] = SOCKADDR_BYTES_MAX;
    this.#kernel.getsockname(fd, this.#addressPointer, this.#lengthPointer);
    const isIpv6 = this.#kernel.slab.view.getUint16(this.#address, true) === AF_INET6;
    this.#connect(fd, isIpv6 ? "::1" : "127.0.0.1", DISCARD_PORT);
  }

  /**
   * One of two sockets that are connected with each other; the other is `otherEnd`, for whoever is
   * to have it. @returns as `connectUdp`.
   */
  connectPair(): number {
    const code = this.#kernel.socketPair(this.#value);
    if (code < 0) return code;
    this.otherEnd = this.#kernel.slab.words[(this.#value >> 2) + 1]!;
    return this.#kernel.slab.words[this.#value >> 2]!;
  }

  /** Sends small answers at once. */
  setNoDelay(fd: number): void {
    this.#option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  }

  /** The error that an asynchronous connect ended with, positive; 0 when it succeeded. */
  pendingError(fd: number): number {
    this.#kernel.slab.words[this.#length >> 2] = 4;
    this.#kernel.getsockopt(fd, SOL_SOCKET, SO_ERROR, this.#valuePointer, this.#lengthPointer);
    return this.#kernel.slab.words[this.#value >> 2]!;
  }

  /** The port that `fd` is bound to. */
  localPort(fd: number): number {
    return readPort(this.#kernel.slab, this.localName(fd));
  }

  /** Where the sockaddr of `fd` itself stands in the slab; borrowed until the next call. */
  localName(fd: number): number {
    this.#kernel.slab.words[this.#length >> 2] = SOCKADDR_BYTES_MAX;
    this.#kernel.getsockname(fd, this.#addressPointer, this.#lengthPointer);
    return this.#address;
  }

  /** The address that `fd` is bound to, or that its peer has connected to. */
  localAddress(fd: number): string {
    this.localPort(fd);
    return readAddress(this.#kernel.slab, this.#address);
  }

  /** Adds, changes or removes `fd` in `epoll`; the events come back with `tag` and `generation`. */
  watch(epoll: number, operation: number, fd: number, events: number, tag: number, generation = 0) {
    const { words } = this.#kernel.slab;
    words[this.#event >> 2] = events;
    words[(this.#event + EPOLL_EVENT_DATA) >> 2] = tag;
    words[(this.#event + EPOLL_EVENT_DATA + 4) >> 2] = generation;
    return this.#kernel.epollCtl(epoll, operation, fd, this.#eventPointer);
  }

  #open(address: string, type: number, action: string): number {
    const fd = this.#kernel.socket(familyOf(address), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw new SysError(action, fd);
    return fd;
  }

  /** Connections of a listening socket inherit it. */
  #makeTransparent(fd: number, address: string, port: number, transport: string): void {
    const v6 = familyOf(address) === AF_INET6;
    const code = v6
      ? this.#option(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
      : this.#option(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
    if (code >= 0) return;
    const what = `take over ${transport} ${printable(address, port)}`;
    this.#fail(fd, `${what} (it takes CAP_NET_ADMIN)`, code);
  }

  #bindOrThrow(fd: number, address: string, port: number, transport: string): void {
    const code = this.#bind(fd, address, port);
    if (code < 0) this.#fail(fd, `listen on ${transport} ${printable(address, port)}`, code);
  }

  #fail(fd: number, action: string, code: number): never {
    this.#kernel.close(fd);
    throw new SysError(action, code);
  }

  #closed(fd: number, code: number): number {
    this.#kernel.close(fd);
    return code;
  }

  #bind(fd: number, address: string, port: number): number {
    const length = writeSockaddr(this.#kernel.slab, this.#address, address, port);
    return this.#kernel.bind(fd, this.#addressPointer, length);
  }

  #connect(fd: number, address: string, port: number): number {
    const length = writeSockaddr(this.#kernel.slab, this.#address, address, port);
    return this.#kernel.connect(fd, this.#addressPointer, length);
  }

  #option(fd: number, level: number, name: number, value: number): number {
    this.#kernel.slab.words[this.#value >> 2] = value;
    return this.#kernel.setsockopt(fd, level, name, this.#valuePointer, 4);
  }
}

function printable(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What the simulated kernel's descriptors stand for, each with its readiness for poll. */

import { EAGAIN, ECONNREFUSED, EINVAL } from "../../src/sys/errno.ts";
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVPKTINFO,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_RXQ_OVFL,
  SO_SNDBUF,
  SOL_SOCKET,
} from "../../src/sys/layout.ts";
import type { Datagram, Endpoint, SimNetwork, TcpPort, UdpPort } from "./sim_network.ts";
import type { SimStream } from "./sim_stream.ts";

/** Kernel memory that a queued datagram takes beyond its bytes: struct sk_buff and rounding. */
const DATAGRAM_OVERHEAD_BYTES = 768;
/** net.core.rmem_default and rmem_max. */
const RECEIVE_BYTES_DEFAULT = 212_992;
const RECEIVE_BYTES_MAX = 212_992;
const EPOLL_ALWAYS = EPOLLERR | EPOLLHUP;

export interface SimFile {
  readonly kind: "udp" | "tcp" | "epoll" | "event";
  readonly blocking: boolean;
  /** Events of poll(2) and epoll(7) that hold now. */
  readonly readiness: number;
  close(): void;
}

/** Socket options as integers, by level and name. */
export class SocketOptions {
  readonly #values = new Map<string, number>();

  set(level: number, name: number, value: number): void {
    this.#values.set(`${level}/${name}`, value);
  }

  get(level: number, name: number): number {
    return this.#values.get(`${level}/${name}`) ?? 0;
  }

  /** Accepted sockets inherit the options of the listener. */
  copyFrom(other: SocketOptions): void {
    for (const [key, value] of other.#values) this.#values.set(key, value);
  }

  has(level: number, name: number): boolean {
    return this.get(level, name) !== 0;
  }
}

export class UdpFile implements SimFile, UdpPort {
  readonly kind = "udp";
  readonly blocking: boolean;
  readonly options = new SocketOptions();
  readonly family: number;
  local: Endpoint;
  remote: Endpoint | null = null;
  isBound = false;
  error = 0;
  /** Datagrams that did not fit the receive queue (SO_RXQ_OVFL). */
  dropCount = 0;
  readonly #network: SimNetwork;
  readonly #queue: { datagram: Datagram; dropCount: number }[] = [];
  #queueBytes = 0;
  #isClosed = false;

  constructor(network: SimNetwork, family: number, wildcard: string, blocking: boolean) {
    this.#network = network;
    this.family = family;
    this.local = { address: wildcard, port: 0 };
    this.blocking = blocking;
  }

  get reusePort(): boolean {
    return this.options.has(SOL_SOCKET, SO_REUSEPORT) || this.options.has(SOL_SOCKET, SO_REUSEADDR);
  }

  get readiness(): number {
    const readable = this.#queue.length > 0 ? EPOLLIN : 0;
    // As datagram_poll(): an error alone does not make the socket readable.
    return EPOLLOUT | readable | (this.error === 0 ? 0 : EPOLLERR);
  }

  /** Twice what was asked for, at most twice the system's limit (socket(7)). */
  get receiveLimitBytes(): number {
    const forced = this.options.get(SOL_SOCKET, SO_RCVBUFFORCE);
    if (forced > 0) return forced * 2;
    const asked = this.options.get(SOL_SOCKET, SO_RCVBUF);
    return asked > 0 ? Math.min(asked, RECEIVE_BYTES_MAX) * 2 : RECEIVE_BYTES_DEFAULT;
  }

  get wantsPktinfo(): boolean {
    return (
      this.options.has(IPPROTO_IP, IP_PKTINFO) || this.options.has(IPPROTO_IPV6, IPV6_RECVPKTINFO)
    );
  }

  get wantsDropCount(): boolean {
    return this.options.has(SOL_SOCKET, SO_RXQ_OVFL);
  }

  bind(local: Endpoint): number {
    if (this.isBound) return -EINVAL;
    const before = this.local;
    this.local = local;
    const code = this.#network.bindUdp(this);
    if (code < 0) this.local = before;
    else this.isBound = true;
    return code;
  }

  deliver(datagram: Datagram): void {
    if (this.#queueBytes > this.receiveLimitBytes) {
      this.dropCount += 1;
      return;
    }
    this.#queue.push({ datagram, dropCount: this.dropCount });
    this.#queueBytes += datagram.bytes.length + DATAGRAM_OVERHEAD_BYTES;
  }

  refuse(to: Endpoint): void {
    const { remote } = this;
    if (this.#isClosed || remote === null) return;
    if (remote.address === to.address && remote.port === to.port) this.error = ECONNREFUSED;
  }

  /** The oldest datagram, and the number dropped before it came; or a negated error number. */
  take(): { datagram: Datagram; dropCount: number } | number {
    if (this.error !== 0) return -this.takeError();
    const taken = this.#queue.shift();
    if (taken === undefined) return -EAGAIN;
    this.#queueBytes -= taken.datagram.bytes.length + DATAGRAM_OVERHEAD_BYTES;
    return taken;
  }

  takeError(): number {
    const error = this.error;
    this.error = 0;
    return error;
  }

  close(): void {
    this.#isClosed = true;
    this.#network.unbindUdp(this);
  }
}

/** A TCP socket: fresh, then either listening or one end of a connection. */
export class TcpFile implements SimFile, TcpPort {
  readonly kind = "tcp";
  readonly blocking: boolean;
  readonly options = new SocketOptions();
  readonly family: number;
  local: Endpoint;
  stream: SimStream | null = null;
  isBound = false;
  isListening = false;
  readonly #network: SimNetwork;
  readonly #waiting: SimStream[] = [];
  #backlog = 0;

  constructor(network: SimNetwork, family: number, wildcard: string, blocking: boolean) {
    this.#network = network;
    this.family = family;
    this.local = { address: wildcard, port: 0 };
    this.blocking = blocking;
  }

  get reusePort(): boolean {
    return this.options.has(SOL_SOCKET, SO_REUSEPORT);
  }

  get readiness(): number {
    if (this.isListening) return this.#waiting.length > 0 ? EPOLLIN : 0;
    return this.stream === null ? EPOLLOUT | EPOLLHUP : this.stream.readiness;
  }

  bind(local: Endpoint): number {
    if (this.isBound) return -EINVAL;
    const before = this.local;
    this.local = local;
    const code = this.#network.bindTcp(this);
    if (code < 0) this.local = before;
    else this.isBound = true;
    return code;
  }

  listen(backlog: number): number {
    if (this.stream !== null || !this.isBound) return -EINVAL;
    this.#backlog = backlog;
    this.isListening = true;
    return 0;
  }

  hasRoom(): boolean {
    return this.#waiting.length <= this.#backlog;
  }

  accept(stream: SimStream): void {
    if (this.isListening) this.#waiting.push(stream);
    else stream.reset();
  }

  /** Gives the connection the buffer sizes asked for, doubled as in socket(7). */
  applyBuffers(): void {
    const sendBytes = this.options.get(SOL_SOCKET, SO_SNDBUF);
    const receiveBytes = this.options.get(SOL_SOCKET, SO_RCVBUF);
    if (this.stream === null) return;
    if (sendBytes > 0) this.stream.sendLimitBytes = sendBytes * 2;
    if (receiveBytes > 0) this.stream.receiveLimitBytes = receiveBytes * 2;
  }

  /** The connection that has waited longest. */
  takeWaiting(): SimStream | null {
    return this.#waiting.shift() ?? null;
  }

  close(): void {
    this.#network.unbindTcp(this);
    this.isListening = false;
    for (const stream of this.#waiting) stream.reset();
    this.stream?.close();
  }
}

export class EventFile implements SimFile {
  readonly kind = "event";
  readonly blocking = false;
  #count = 0n;

  get readiness(): number {
    return EPOLLOUT | (this.#count > 0n ? EPOLLIN : 0);
  }

  add(value: bigint): void {
    this.#count += value;
  }

  /** The sum of all that was added, or -EAGAIN. */
  take(): bigint | number {
    if (this.#count === 0n) return -EAGAIN;
    const count = this.#count;
    this.#count = 0n;
    return count;
  }

  close(): void {}
}

/** An interest of an epoll instance: events asked for and the words that come back. */
export interface Interest {
  readonly file: SimFile;
  readonly events: number;
  readonly dataLow: number;
  readonly dataHigh: number;
}

export class EpollFile implements SimFile {
  readonly kind = "epoll";
  readonly blocking = true;
  readonly interests = new Map<number, Interest>();

  get readiness(): number {
    for (const interest of this.interests.values()) {
      if (eventsOf(interest) !== 0) return EPOLLIN;
    }
    return 0;
  }

  /** Up to `count` ready interests; those go to the back of the queue, as in the kernel. */
  takeReady(count: number): (Interest & { readonly ready: number })[] {
    const ready: (Interest & { readonly ready: number })[] = [];
    for (const [fd, interest] of [...this.interests]) {
      if (ready.length === count) break;
      const events = eventsOf(interest);
      if (events === 0) continue;
      ready.push({ ...interest, ready: events });
      this.interests.delete(fd);
      this.interests.set(fd, interest);
    }
    return ready;
  }

  close(): void {}
}

function eventsOf(interest: Interest): number {
  return interest.file.readiness & (interest.events | EPOLL_ALWAYS);
}

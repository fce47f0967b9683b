// Hot path.
/**
 * TCP connections towards upstreams: few, pipelined, answered in any order (RFC 7766 §6.2).
 *
 * Queries wait in the connection's send buffer until it is made, and for the end of the turn, so
 * that those of one turn are one system call. Memory per connection, carved from the slab:
 *
 *   send     32 KiB   [ start .. end )  not yet taken by the kernel
 *   receive  64 KiB   see tcp_inbox.ts
 *
 * DNS over TLS is the same here: the other end of the socket is the control plane's, which speaks
 * TLS with the upstream. The first bytes that come say that the connection is made.
 *
 * Knows nothing of questions: replies are handed to the caller one by one, see `nextMessage`.
 */

import {
  CHANNELS_MAX,
  TCP_CHANNEL_BUSY_COUNT,
  TCP_CHANNEL_SEND_BYTES,
  TCP_CHANNELS_MAX,
  TCP_CHANNELS_PER_UPSTREAM,
  TCP_CONNECT_TIMEOUT_MS,
  UPSTREAMS_MAX,
} from "../limits.ts";
import { NO_SLOT, SlotPool } from "../std/slot_pool.ts";
import { EAGAIN, EINTR } from "../sys/errno.ts";
import type { Kernel } from "../sys/kernel.ts";
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLOUT,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
} from "../sys/layout.ts";
import { MessageHeader } from "../sys/message_header.ts";
import type { Sockets } from "../sys/sockets.ts";
import { CHANNEL_TCP, type Channels, NO_CHANNEL } from "./channels.ts";
import { TCP_IDLE, TCP_OVER, TCP_READ, TcpInbox } from "./tcp_inbox.ts";
import type { Upstream } from "./upstream.ts";

const PREFIX_BYTES = 2;

/**
 * Makes a socket whose other end leads to `upstream` by TLS once bytes come from it. @returns the
 * descriptor, or a negated error number.
 */
export type SecureConnector = (upstream: Upstream) => number;

export class TcpChannels {
  readonly #kernel: Kernel;
  readonly #sockets: Sockets;
  readonly #channels: Channels;
  readonly #epoll: number;
  readonly #tag: number;
  readonly #header: MessageHeader;
  readonly #send: number;
  readonly #inbox: TcpInbox;
  readonly #buffers = new SlotPool(TCP_CHANNELS_MAX);
  /** Which buffers a channel has. */
  readonly #bufferOf = new Int32Array(CHANNELS_MAX).fill(NO_SLOT);
  readonly #connected = new Uint8Array(CHANNELS_MAX);
  /** 1 when the other end is the control plane's. */
  readonly #isSecure = new Uint8Array(CHANNELS_MAX);
  readonly #connectSecure: SecureConnector;
  readonly #sendStart = new Int32Array(CHANNELS_MAX);
  readonly #sendEnd = new Int32Array(CHANNELS_MAX);
  readonly #watchesOut = new Uint8Array(CHANNELS_MAX);
  /** The connections of upstream u: TCP_CHANNELS_PER_UPSTREAM entries from u * that. */
  readonly #members = new Int32Array(UPSTREAMS_MAX * TCP_CHANNELS_PER_UPSTREAM).fill(NO_CHANNEL);
  /** Channels with bytes to be sent at the end of the turn. */
  readonly #dirty = new Int32Array(CHANNELS_MAX);
  readonly #isDirty = new Uint8Array(CHANNELS_MAX);
  #dirtyCount = 0;
  openedCount = 0;

  /** @param tag of the epoll events of these sockets; the channel is added to it. */
  constructor(
    kernel: Kernel,
    sockets: Sockets,
    channels: Channels,
    epoll: number,
    tag: number,
    connectSecure: SecureConnector,
  ) {
    this.#kernel = kernel;
    this.#connectSecure = connectSecure;
    this.#sockets = sockets;
    this.#channels = channels;
    this.#epoll = epoll;
    this.#tag = tag;
    this.#header = new MessageHeader(kernel);
    this.#send = kernel.slab.carve(TCP_CHANNELS_MAX * TCP_CHANNEL_SEND_BYTES, 64);
    this.#inbox = new TcpInbox(kernel);
  }

  /** The connection for a query to `upstream`, made if there is none. @returns or NO_CHANNEL. */
  choose(upstream: number, settings: Upstream, nowMs: number): number {
    const first = upstream * TCP_CHANNELS_PER_UPSTREAM;
    let best = NO_CHANNEL;
    let free = -1;
    for (let member = first; member < first + TCP_CHANNELS_PER_UPSTREAM; member++) {
      let channel = this.#members[member]!;
      if (channel !== NO_CHANNEL && this.#isOld(channel, settings, nowMs)) {
        this.retire(channel);
        channel = NO_CHANNEL;
      }
      if (channel === NO_CHANNEL) free = member;
      else if (best === NO_CHANNEL || this.#load(channel) < this.#load(best)) best = channel;
    }
    const isBusy = best !== NO_CHANNEL && this.#load(best) >= TCP_CHANNEL_BUSY_COUNT;
    if (free < 0 || (best !== NO_CHANNEL && !isBusy)) return best;
    const channel = this.#open(upstream, settings, nowMs);
    if (channel === NO_CHANNEL) return best;
    this.#members[free] = channel;
    return channel;
  }

  /** Adds a message of the slab to what is to be sent. @returns false when there is no room. */
  append(channel: number, offset: number, lengthBytes: number): boolean {
    const buffer = this.#send + this.#bufferOf[channel]! * TCP_CHANNEL_SEND_BYTES;
    const { bytes, view } = this.#kernel.slab;
    let end = this.#sendEnd[channel]!;
    if (end + PREFIX_BYTES + lengthBytes > TCP_CHANNEL_SEND_BYTES) {
      const start = this.#sendStart[channel]!;
      bytes.copyWithin(buffer, buffer + start, buffer + end);
      end -= start;
      this.#sendStart[channel] = 0;
      this.#sendEnd[channel] = end;
      if (end + PREFIX_BYTES + lengthBytes > TCP_CHANNEL_SEND_BYTES) return false;
    }
    view.setUint16(buffer + end, lengthBytes);
    bytes.copyWithin(buffer + end + PREFIX_BYTES, offset, offset + lengthBytes);
    this.#sendEnd[channel] = end + PREFIX_BYTES + lengthBytes;
    if (this.#isDirty[channel] === 0) {
      this.#isDirty[channel] = 1;
      this.#dirty[this.#dirtyCount] = channel;
      this.#dirtyCount += 1;
    }
    return true;
  }

  /** Gives the kernel what was appended in this turn. */
  flush(): void {
    for (let index = 0; index < this.#dirtyCount; index++) {
      const channel = this.#dirty[index]!;
      this.#isDirty[channel] = 0;
      if (this.#bufferOf[channel] !== NO_SLOT && this.#connected[channel] === 1) {
        this.#sendSome(channel);
      }
    }
    this.#dirtyCount = 0;
  }

  /**
   * The connection has been made or can take more. @returns TCP_IDLE, or TCP_OVER when it failed.
   */
  handleWritable(channel: number): number {
    if (this.#connected[channel] === 0) {
      this.#channels.lastErrno = 0;
      if (this.#isSecure[channel] === 1) return TCP_OVER;
      this.#channels.lastErrno = this.#sockets.pendingError(this.#channels.fds[channel]!);
      if (this.#channels.lastErrno !== 0) return TCP_OVER;
      this.#connected[channel] = 1;
    }
    return this.#sendSome(channel);
  }

  /** Reads once. @returns TCP_READ, TCP_IDLE or TCP_OVER. */
  handleReadable(channel: number): number {
    const code = this.#inbox.read(this.#bufferOf[channel]!, this.#channels.fds[channel]!);
    if (code !== TCP_READ || this.#connected[channel] === 1) return code;
    this.#connected[channel] = 1;
    return this.#sendSome(channel) === TCP_OVER ? TCP_OVER : TCP_READ;
  }

  /** As in `TcpInbox`; the message is at `messageOffset`. */
  nextMessage(channel: number): number {
    return this.#inbox.nextMessage(this.#bufferOf[channel]!);
  }

  get messageOffset(): number {
    return this.#inbox.messageOffset;
  }

  /** Takes no more queries; closed when the last in flight is over. */
  retire(channel: number): void {
    const first = this.#channels.upstreams[channel]! * TCP_CHANNELS_PER_UPSTREAM;
    for (let member = first; member < first + TCP_CHANNELS_PER_UPSTREAM; member++) {
      if (this.#members[member] === channel) this.#members[member] = NO_CHANNEL;
    }
    this.#channels.retiring[channel] = 1;
    this.closeIfDone(channel);
  }

  closeIfDone(channel: number): void {
    const { retiring, inFlightCounts, fds } = this.#channels;
    if (this.#bufferOf[channel] === NO_SLOT) return;
    if (retiring[channel] === 0 || inFlightCounts[channel] !== 0) return;
    this.#buffers.release(this.#bufferOf[channel]!);
    this.#bufferOf[channel] = NO_SLOT;
    this.#kernel.close(fds[channel]!);
    this.#channels.close(channel);
  }

  /**
   * A connection whose time is up: not made in time, or idle for as long as its upstream's settings
   * say, or beside more idle ones than they allow. Call until NO_CHANNEL; the caller ends its
   * attempts and retires it.
   */
  overdue(upstreams: readonly Upstream[], nowMs: number): number {
    let idleCount = 0;
    for (let member = 0; member < upstreams.length * TCP_CHANNELS_PER_UPSTREAM; member++) {
      if (member % TCP_CHANNELS_PER_UPSTREAM === 0) idleCount = 0;
      const channel = this.#members[member]!;
      if (channel === NO_CHANNEL) continue;
      const { openedMs, idleMs, inFlightCounts, upstreams: owners } = this.#channels;
      const { settings, tcpIdleMax } = upstreams[owners[channel]!]!;
      const isIdle = inFlightCounts[channel] === 0;
      if (isIdle) idleCount += 1;
      const isSpare = isIdle && idleCount > tcpIdleMax;
      const isOld = isIdle && nowMs - idleMs[channel]! > settings.expireMs;
      const isStuck =
        this.#connected[channel] === 0 && nowMs - openedMs[channel]! > TCP_CONNECT_TIMEOUT_MS;
      if (isSpare || isOld || isStuck) return channel;
    }
    return NO_CHANNEL;
  }

  isConnected(channel: number): boolean {
    return this.#connected[channel] === 1;
  }

  #isOld(channel: number, { tcpAgeMsMax }: Upstream, nowMs: number): boolean {
    return nowMs - this.#channels.openedMs[channel]! > tcpAgeMsMax;
  }

  #load(channel: number): number {
    return this.#channels.inFlightCounts[channel]!;
  }

  #open(upstream: number, settings: Upstream, nowMs: number): number {
    const buffer = this.#buffers.take();
    if (buffer === NO_SLOT) return NO_CHANNEL;
    const { address, port, tls, sourceAddress } = settings.settings;
    const isSecure = tls !== null;
    const fd = isSecure
      ? this.#connectSecure(settings)
      : this.#sockets.connectTcp(address, port, sourceAddress);
    const channel = fd < 0 ? NO_CHANNEL : this.#channels.open(fd, CHANNEL_TCP, upstream, nowMs);
    if (channel === NO_CHANNEL) {
      if (fd >= 0) this.#kernel.close(fd);
      this.#buffers.release(buffer);
      return NO_CHANNEL;
    }
    this.#bufferOf[channel] = buffer;
    this.#connected[channel] = 0;
    this.#sendStart[channel] = 0;
    this.#sendEnd[channel] = 0;
    this.#inbox.clear(buffer);
    this.#isSecure[channel] = isSecure ? 1 : 0;
    // A pair of sockets can be written to at once, which says nothing about the upstream.
    this.#watchesOut[channel] = isSecure ? 0 : 1;
    this.#watch(EPOLL_CTL_ADD, channel, isSecure ? EPOLLIN : EPOLLIN | EPOLLOUT);
    this.openedCount += 1;
    settings.tcpOpenedCount += 1;
    return channel;
  }

  #sendSome(channel: number): number {
    const buffer = this.#send + this.#bufferOf[channel]! * TCP_CHANNEL_SEND_BYTES;
    const start = this.#sendStart[channel]!;
    const left = this.#sendEnd[channel]! - start;
    let sent = 0;
    if (left > 0) {
      this.#header.set(buffer + start, left);
      const fd = this.#channels.fds[channel]!;
      sent = this.#kernel.sendmsg(fd, this.#header.pointer, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && sent !== -EAGAIN && sent !== -EINTR) return TCP_OVER;
      sent = Math.max(sent, 0);
    }
    const isDone = sent === left;
    this.#sendStart[channel] = isDone ? 0 : start + sent;
    if (isDone) this.#sendEnd[channel] = 0;
    const wantsOut = isDone ? 0 : 1;
    if (this.#watchesOut[channel] !== wantsOut) {
      this.#watchesOut[channel] = wantsOut;
      this.#watch(EPOLL_CTL_MOD, channel, isDone ? EPOLLIN : EPOLLIN | EPOLLOUT);
    }
    return TCP_IDLE;
  }

  #watch(operation: number, channel: number, events: number): void {
    const generation = this.#channels.generation(channel);
    const fd = this.#channels.fds[channel]!;
    this.#sockets.watch(this.#epoll, operation, fd, events, this.#tag + channel, generation);
  }
}

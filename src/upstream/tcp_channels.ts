// Hot path.
/**
 * TCP connections towards upstreams: few, pipelined, answered in any order (RFC 7766 §6.2).
 *
 * Queries wait in the connection's send buffer until it is made, and for the end of the turn, so
 * that those of one turn are one system call. Memory per connection, carved from the slab:
 *
 *   send     32 KiB   [ start .. end )  not yet taken by the kernel
 *   receive  64 KiB   [ 0 .. filled )   the message that is coming in, with its length prefix
 *
 * Knows nothing of questions: replies are handed to the caller one by one, see `nextMessage`.
 */

import {
  CHANNELS_MAX,
  TCP_CHANNEL_AGE_MS_MAX,
  TCP_CHANNEL_BUSY_COUNT,
  TCP_CHANNEL_SEND_BYTES,
  TCP_CHANNELS_MAX,
  TCP_CHANNELS_PER_UPSTREAM,
  TCP_CONNECT_TIMEOUT_MS,
  TCP_MESSAGE_BYTES_MAX,
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
import type { Upstream } from "./upstream.ts";

const PREFIX_BYTES = 2;
const RECEIVE_BYTES = PREFIX_BYTES + TCP_MESSAGE_BYTES_MAX + 7;

/** All that was there has been read. */
export const TCP_IDLE = 0;
/** Messages may be waiting in the buffer. */
export const TCP_READ = 1;
/** The connection is over: the other side closed it, or it failed. */
export const TCP_OVER = 2;

export class TcpChannels {
  readonly #kernel: Kernel;
  readonly #sockets: Sockets;
  readonly #channels: Channels;
  readonly #epoll: number;
  readonly #tag: number;
  readonly #header: MessageHeader;
  readonly #send: number;
  readonly #receive: number;
  readonly #buffers = new SlotPool(TCP_CHANNELS_MAX);
  /** Which buffers a channel has. */
  readonly #bufferOf = new Int32Array(CHANNELS_MAX).fill(NO_SLOT);
  readonly #connected = new Uint8Array(CHANNELS_MAX);
  readonly #sendStart = new Int32Array(CHANNELS_MAX);
  readonly #sendEnd = new Int32Array(CHANNELS_MAX);
  readonly #filled = new Int32Array(CHANNELS_MAX);
  /** Where in the receive buffer the next message begins. */
  readonly #taken = new Int32Array(CHANNELS_MAX);
  readonly #watchesOut = new Uint8Array(CHANNELS_MAX);
  /** The connections of upstream u: TCP_CHANNELS_PER_UPSTREAM entries from u * that. */
  readonly #members = new Int32Array(UPSTREAMS_MAX * TCP_CHANNELS_PER_UPSTREAM).fill(NO_CHANNEL);
  /** Channels with bytes to be sent at the end of the turn. */
  readonly #dirty = new Int32Array(CHANNELS_MAX);
  readonly #isDirty = new Uint8Array(CHANNELS_MAX);
  #dirtyCount = 0;
  openedCount = 0;
  /** Where the message that `nextMessage` found begins, in the slab. */
  messageOffset = 0;

  constructor(kernel: Kernel, sockets: Sockets, channels: Channels, epoll: number, tag: number) {
    this.#kernel = kernel;
    this.#sockets = sockets;
    this.#channels = channels;
    this.#epoll = epoll;
    this.#tag = tag;
    this.#header = new MessageHeader(kernel);
    this.#send = kernel.slab.carve(TCP_CHANNELS_MAX * TCP_CHANNEL_SEND_BYTES, 64);
    this.#receive = kernel.slab.carve(TCP_CHANNELS_MAX * RECEIVE_BYTES, 64);
  }

  /** The connection for a query to `upstream`, made if there is none. @returns or NO_CHANNEL. */
  choose(upstream: number, settings: Upstream, nowMs: number): number {
    const first = upstream * TCP_CHANNELS_PER_UPSTREAM;
    let best = NO_CHANNEL;
    let free = -1;
    for (let member = first; member < first + TCP_CHANNELS_PER_UPSTREAM; member++) {
      let channel = this.#members[member]!;
      if (
        channel !== NO_CHANNEL &&
        nowMs - this.#channels.openedMs[channel]! > TCP_CHANNEL_AGE_MS_MAX
      ) {
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
      if (this.#sockets.pendingError(this.#channels.fds[channel]!) !== 0) return TCP_OVER;
      this.#connected[channel] = 1;
    }
    return this.#sendSome(channel);
  }

  /** Reads once. @returns TCP_READ, TCP_IDLE or TCP_OVER. */
  handleReadable(channel: number): number {
    const buffer = this.#receive + this.#bufferOf[channel]! * RECEIVE_BYTES;
    const filled = this.#filled[channel]!;
    this.#header.set(buffer + filled, RECEIVE_BYTES - filled);
    const fd = this.#channels.fds[channel]!;
    const count = this.#kernel.recvmsg(fd, this.#header.pointer, MSG_DONTWAIT);
    if (count === -EAGAIN || count === -EINTR) return TCP_IDLE;
    if (count <= 0) return TCP_OVER;
    this.#filled[channel] = filled + count;
    return TCP_READ;
  }

  /**
   * The length of the next whole message, which begins at `messageOffset`; 0 when there is none,
   * and then what is left has been moved to the front. Call until 0 after each TCP_READ.
   */
  nextMessage(channel: number): number {
    const { bytes, view } = this.#kernel.slab;
    const buffer = this.#receive + this.#bufferOf[channel]! * RECEIVE_BYTES;
    const filled = this.#filled[channel]!;
    let taken = this.#taken[channel]!;
    while (filled - taken >= PREFIX_BYTES) {
      const length = view.getUint16(buffer + taken);
      const message = taken + PREFIX_BYTES;
      if (filled - message < length) break;
      taken = message + length;
      // A message of no bytes says nothing; the one behind it might.
      if (length === 0) continue;
      this.#taken[channel] = taken;
      this.messageOffset = buffer + message;
      return length;
    }
    if (taken !== 0) bytes.copyWithin(buffer, buffer + taken, buffer + filled);
    this.#filled[channel] = filled - taken;
    this.#taken[channel] = 0;
    return 0;
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
   * say. Call until NO_CHANNEL; the caller ends its attempts and retires it.
   */
  overdue(upstreams: readonly Upstream[], nowMs: number): number {
    for (let member = 0; member < upstreams.length * TCP_CHANNELS_PER_UPSTREAM; member++) {
      const channel = this.#members[member]!;
      if (channel === NO_CHANNEL) continue;
      const { openedMs, idleMs, inFlightCounts, upstreams: owners } = this.#channels;
      const { expireMs } = upstreams[owners[channel]!]!.settings;
      const isIdle = inFlightCounts[channel] === 0 && nowMs - idleMs[channel]! > expireMs;
      const isStuck =
        this.#connected[channel] === 0 && nowMs - openedMs[channel]! > TCP_CONNECT_TIMEOUT_MS;
      if (isIdle || isStuck) return channel;
    }
    return NO_CHANNEL;
  }

  isConnected(channel: number): boolean {
    return this.#connected[channel] === 1;
  }

  #load(channel: number): number {
    return this.#channels.inFlightCounts[channel]!;
  }

  #open(upstream: number, settings: Upstream, nowMs: number): number {
    const buffer = this.#buffers.take();
    if (buffer === NO_SLOT) return NO_CHANNEL;
    const { address, port } = settings.settings;
    const fd = this.#sockets.connectTcp(address, port);
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
    this.#filled[channel] = 0;
    this.#taken[channel] = 0;
    this.#watchesOut[channel] = 1;
    this.#watch(EPOLL_CTL_ADD, channel, EPOLLIN | EPOLLOUT);
    this.openedCount += 1;
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

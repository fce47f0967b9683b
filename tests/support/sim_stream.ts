/**
 * One end of a simulated TCP connection: byte queues with limits, half-close and reset.
 *
 * Bytes count against the sender's buffer until the receiver's queue has taken them, as they do in
 * a kernel until they are acknowledged; a receiver that does not read therefore stops the sender.
 */

import { EAGAIN, ECONNRESET, EPIPE } from "../../src/sys/errno.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP } from "../../src/sys/layout.ts";
import type { Endpoint, SimNetwork } from "./sim_network.ts";

type State = "connecting" | "open" | "closed";

export class SimStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #network: SimNetwork;
  #state: State;
  #other: SimStream | null = null;
  #outbound: Uint8Array[] = [];
  #outboundBytes = 0;
  #flightBytes = 0;
  #inbound: Uint8Array[] = [];
  #inboundBytes = 0;
  #finAsked = false;
  #finSent = false;
  #finReceived = false;
  #abandoned = false;
  #error = 0;
  /** When the last thing sent from here arrives: what is sent later arrives later. */
  lastArrivalMs = 0;
  sendLimitBytes: number;
  receiveLimitBytes: number;
  /** The most bytes that travel in one piece; small ones make partial messages. */
  segmentBytesMax = 65_536;
  /** Called whenever something arrived, was taken, or ended. */
  onChange: () => void = () => {};

  constructor(network: SimNetwork, local: Endpoint, remote: Endpoint, state: State) {
    this.#network = network;
    this.local = local;
    this.remote = remote;
    this.#state = state;
    this.sendLimitBytes = network.options.tcpSendBytes;
    this.receiveLimitBytes = network.options.tcpReceiveBytes;
  }

  get isConnecting(): boolean {
    return this.#state === "connecting";
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Bytes that wait to be read here. */
  get readableBytes(): number {
    return this.#inboundBytes;
  }

  /** Bytes that were written and have not reached the other end's queue. */
  get unsentBytes(): number {
    return this.#outboundBytes + this.#flightBytes;
  }

  /** True once the other end has said that it will send no more, or the connection is gone. */
  get isFinished(): boolean {
    return this.#finReceived || this.#state === "closed";
  }

  /** True when the connection ended by a reset or never came about. */
  get isBroken(): boolean {
    return this.#state === "closed" && !this.#abandoned;
  }

  /** What epoll reports, as tcp_poll() decides it. */
  get readiness(): number {
    let events = 0;
    if (this.#error !== 0) events |= EPOLLERR;
    if (this.#state === "closed" || (this.#finReceived && this.#finAsked)) events |= EPOLLHUP;
    if (this.isFinished) events |= EPOLLIN | EPOLLRDHUP;
    if (this.#state === "connecting") return events;
    if (this.#inboundBytes > 0) events |= EPOLLIN;
    const free = this.sendLimitBytes - this.unsentBytes;
    if (this.#finAsked || this.#state === "closed" || free >= this.unsentBytes / 2) {
      events |= EPOLLOUT;
    }
    return events;
  }

  /** Takes as much of `source` as there is room for. @returns bytes, or a negated error number. */
  write(source: Uint8Array): number {
    if (this.#error !== 0) return -this.takeError();
    if (this.#finAsked || this.#state === "closed") return -EPIPE;
    if (this.#state === "connecting") return -EAGAIN;
    const free = this.sendLimitBytes - this.unsentBytes;
    if (free <= 0 && source.length > 0) return -EAGAIN;
    const taken = source.slice(0, free);
    if (taken.length > 0) {
      this.#outbound.push(taken);
      this.#outboundBytes += taken.length;
      this.#pump();
    }
    return taken.length;
  }

  /** Up to `lengthBytes` bytes that have arrived, or a negated error number; empty is the end. */
  read(lengthBytes: number): Uint8Array | number {
    if (this.#inboundBytes === 0) {
      if (this.#error !== 0) return -this.takeError();
      return this.isFinished ? new Uint8Array(0) : -EAGAIN;
    }
    const taken = new Uint8Array(Math.min(lengthBytes, this.#inboundBytes));
    for (let at = 0; at < taken.length; ) {
      const head = this.#inbound[0]!;
      const part = head.subarray(0, taken.length - at);
      taken.set(part, at);
      at += part.length;
      if (part.length === head.length) this.#inbound.shift();
      else this.#inbound[0] = head.subarray(part.length);
    }
    this.#inboundBytes -= taken.length;
    if (this.#other !== null) this.#other.#pump();
    return taken;
  }

  /** No more will be written; what was, still goes out (SHUT_WR). */
  finish(): void {
    if (this.#finAsked || this.#state === "closed") return;
    this.#finAsked = true;
    this.#pump();
  }

  /** Nobody will read or write here again; unread bytes make it a reset (RFC 2525 §2.17). */
  close(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.onChange = () => {};
    if (this.#state === "connecting") this.#state = "closed";
    else if (this.#inboundBytes > 0) this.reset();
    else this.finish();
  }

  /** Ends the connection at once; the other end sees ECONNRESET. */
  reset(): void {
    if (this.#state === "closed") return;
    const other = this.#other;
    this.#end(0);
    this.#abandoned = true;
    if (other !== null) this.#network.transmit(this, () => other.#arriveReset());
  }

  /** The connection could not be made. */
  fail(errno: number): void {
    this.#end(errno);
  }

  /** Ties the two ends together: the handshake is done. */
  establish(other: SimStream): void {
    this.#state = "open";
    this.#other = other;
    other.#other = this;
    this.onChange();
  }

  /** The error that waits to be reported, positive; then there is none (SO_ERROR). */
  takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  #pump(): void {
    const other = this.#other;
    if (other === null || this.#state !== "open") return;
    while (this.#outboundBytes > 0) {
      const room = other.receiveLimitBytes - other.#inboundBytes - this.#flightBytes;
      if (room <= 0) return;
      const segment = this.#takeOutbound(Math.min(room, this.segmentBytesMax));
      this.#flightBytes += segment.length;
      this.#network.transmit(this, () => {
        this.#flightBytes -= segment.length;
        other.#arrive(segment);
        this.onChange();
      });
    }
    if (!this.#finAsked || this.#finSent) return;
    this.#finSent = true;
    this.#network.transmit(this, () => other.#arriveFin());
  }

  #takeOutbound(lengthBytes: number): Uint8Array {
    const head = this.#outbound[0]!;
    const segment = head.subarray(0, lengthBytes);
    if (segment.length === head.length) this.#outbound.shift();
    else this.#outbound[0] = head.subarray(segment.length);
    this.#outboundBytes -= segment.length;
    return segment;
  }

  #arrive(segment: Uint8Array): void {
    if (this.#state === "closed") return;
    if (this.#abandoned) {
      // Bytes for a socket that was closed: the kernel answers with a reset.
      this.reset();
      return;
    }
    this.#inbound.push(segment);
    this.#inboundBytes += segment.length;
    this.onChange();
  }

  #arriveFin(): void {
    if (this.#state === "closed") return;
    this.#finReceived = true;
    this.onChange();
  }

  #arriveReset(): void {
    if (this.#state === "closed") return;
    this.#end(this.#finReceived ? EPIPE : ECONNRESET);
  }

  #end(errno: number): void {
    this.#state = "closed";
    this.#error = errno;
    this.#outbound = [];
    this.#outboundBytes = 0;
    this.onChange();
  }
}

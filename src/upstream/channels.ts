// Hot path.
/**
 * Every socket towards an upstream, UDP or TCP, as a numbered channel.
 *
 * A reply is only believed if it comes by the channel that its query left by, with the id that the
 * query had (RFC 5452 §9). A channel that is to be replaced retires: it takes no more queries, and
 * is closed when the last one in flight is over.
 */

import { CHANNELS_MAX } from "../limits.ts";
import { NO_SLOT, SlotPool } from "../std/slot_pool.ts";

export const NO_CHANNEL = -1;
export const CHANNEL_UDP = 0;
export const CHANNEL_TCP = 1;

export class Channels {
  /** Why the connection that was found over last could not be made; 0: no error. */
  lastErrno = 0;
  readonly fds = new Int32Array(CHANNELS_MAX).fill(-1);
  /** CHANNEL_UDP or CHANNEL_TCP. */
  readonly kinds = new Uint8Array(CHANNELS_MAX);
  readonly upstreams = new Int16Array(CHANNELS_MAX);
  readonly inFlightCounts = new Int32Array(CHANNELS_MAX);
  /** Queries sent in its life. */
  readonly queryCounts = new Int32Array(CHANNELS_MAX);
  readonly openedMs = new Float64Array(CHANNELS_MAX);
  /** When it last became idle. */
  readonly idleMs = new Float64Array(CHANNELS_MAX);
  /** When a message last came by TCP; before all times when none has. */
  readonly heardMs = new Float64Array(CHANNELS_MAX);
  /** Replies that matched nothing. */
  readonly strangerCounts = new Int32Array(CHANNELS_MAX);
  /** 1 when it takes no more queries. */
  readonly retiring = new Uint8Array(CHANNELS_MAX);
  readonly #pool = new SlotPool(CHANNELS_MAX);

  get usedCount(): number {
    return this.#pool.usedCount;
  }

  /** @returns the channel, or NO_CHANNEL when there are too many. */
  open(fd: number, kind: number, upstream: number, nowMs: number): number {
    const channel = this.#pool.take();
    if (channel === NO_SLOT) return NO_CHANNEL;
    this.fds[channel] = fd;
    this.kinds[channel] = kind;
    this.upstreams[channel] = upstream;
    this.inFlightCounts[channel] = 0;
    this.queryCounts[channel] = 0;
    this.openedMs[channel] = nowMs;
    this.idleMs[channel] = nowMs;
    this.heardMs[channel] = Number.NEGATIVE_INFINITY;
    this.strangerCounts[channel] = 0;
    this.retiring[channel] = 0;
    return channel;
  }

  /** Which use of the channel's number this is: an event of an earlier one is stale. */
  generation(channel: number): number {
    return this.#pool.generation(channel);
  }

  /** Whether anything has been read from a TCP connection. */
  hasHeard(channel: number): boolean {
    return this.heardMs[channel] !== Number.NEGATIVE_INFINITY;
  }

  isOpen(channel: number): boolean {
    return this.fds[channel] !== -1;
  }

  /** Forgets the channel; the caller closes its descriptor. */
  close(channel: number): void {
    this.fds[channel] = -1;
    this.#pool.release(channel);
  }
}

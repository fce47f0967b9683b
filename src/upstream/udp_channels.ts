// Hot path.
/**
 * UDP sockets towards upstreams: a few per upstream, each connected, on a random port, with a short
 * life. All queries of one turn of the loop to one upstream leave by the same socket, chosen at
 * random, so that they are one system call; the id of each is random in any case.
 */

import {
  UDP_CHANNEL_AGE_MS_MAX,
  UDP_CHANNEL_QUERIES_MAX,
  UDP_CHANNEL_STRANGERS_MAX,
  UDP_CHANNELS_PER_UPSTREAM,
  UPSTREAMS_MAX,
} from "../limits.ts";
import type { RandomPool } from "../std/random_pool.ts";
import type { Kernel } from "../sys/kernel.ts";
import { EPOLL_CTL_ADD, EPOLLIN } from "../sys/layout.ts";
import type { SendBatch } from "../sys/send_batch.ts";
import type { Sockets } from "../sys/sockets.ts";
import { CHANNEL_UDP, type Channels, NO_CHANNEL } from "./channels.ts";
import type { Upstream } from "./upstream.ts";

export class UdpChannels {
  readonly #kernel: Kernel;
  readonly #sockets: Sockets;
  readonly #channels: Channels;
  readonly #random: RandomPool;
  readonly #epoll: number;
  readonly #tag: number;
  readonly #batches: readonly SendBatch[];
  /** The channels of upstream u: UDP_CHANNELS_PER_UPSTREAM entries from u * that. */
  readonly #members = new Int32Array(UPSTREAMS_MAX * UDP_CHANNELS_PER_UPSTREAM).fill(NO_CHANNEL);
  /** The member chosen for this turn, and the turn it was chosen in. */
  readonly #chosen = new Int32Array(UPSTREAMS_MAX).fill(NO_CHANNEL);
  readonly #chosenTurns = new Float64Array(UPSTREAMS_MAX).fill(-1);
  readonly #below: (count: number) => number;
  openedCount = 0;

  /**
   * @param tag of the epoll events of these sockets; the channel is added to it.
   * @param batches by upstream: the queries of this turn, written for a channel's descriptor.
   */
  constructor(
    kernel: Kernel,
    sockets: Sockets,
    channels: Channels,
    random: RandomPool,
    epoll: number,
    tag: number,
    batches: readonly SendBatch[],
  ) {
    this.#kernel = kernel;
    this.#sockets = sockets;
    this.#channels = channels;
    this.#random = random;
    this.#epoll = epoll;
    this.#tag = tag;
    this.#batches = batches;
    this.#below = (count) => random.below(count);
  }

  /** The channel for a query to `upstream` in turn number `turn`. @returns or NO_CHANNEL. */
  choose(upstream: number, settings: Upstream, turn: number, nowMs: number): number {
    const before = this.#chosen[upstream]!;
    const ageMsMax = settings.udpAgeMsMax;
    if (this.#chosenTurns[upstream] === turn && this.#isFit(before, ageMsMax, nowMs)) return before;
    const member =
      upstream * UDP_CHANNELS_PER_UPSTREAM + this.#random.below(UDP_CHANNELS_PER_UPSTREAM);
    let channel = this.#members[member]!;
    if (!this.#isFit(channel, ageMsMax, nowMs)) {
      if (channel !== NO_CHANNEL) this.retire(channel);
      channel = this.#open(upstream, settings, nowMs);
      this.#members[member] = channel;
    }
    this.#chosen[upstream] = channel;
    this.#chosenTurns[upstream] = turn;
    return channel;
  }

  /** Takes no more queries by `channel`; closes it when it has none in flight. */
  retire(channel: number): void {
    const upstream = this.#channels.upstreams[channel]!;
    const first = upstream * UDP_CHANNELS_PER_UPSTREAM;
    // Its number may be another upstream's in this very turn.
    if (this.#chosen[upstream] === channel) this.#chosen[upstream] = NO_CHANNEL;
    for (let member = first; member < first + UDP_CHANNELS_PER_UPSTREAM; member++) {
      if (this.#members[member] === channel) this.#members[member] = NO_CHANNEL;
    }
    this.#channels.retiring[channel] = 1;
    this.closeIfDone(channel);
  }

  /** Closes a retiring channel whose last query is over. */
  closeIfDone(channel: number): void {
    if (this.#channels.retiring[channel] === 0 || this.#channels.inFlightCounts[channel] !== 0) {
      return;
    }
    // Queries of this turn may wait in the batch, all answered or given up. Later they would leave
    // by whatever gets the descriptor next: another upstream's socket, or a client's connection.
    this.#batches[this.#channels.upstreams[channel]!]!.flush();
    this.#kernel.close(this.#channels.fds[channel]!);
    this.#channels.close(channel);
  }

  /** Retires what has been idle for too long, so that an idle process holds no sockets. */
  sweep(nowMs: number): void {
    for (let member = 0; member < this.#members.length; member++) {
      const channel = this.#members[member]!;
      if (
        channel !== NO_CHANNEL &&
        nowMs - this.#channels.openedMs[channel]! > UDP_CHANNEL_AGE_MS_MAX
      ) {
        this.retire(channel);
      }
    }
  }

  #isFit(channel: number, ageMsMax: number, nowMs: number): boolean {
    return (
      channel !== NO_CHANNEL &&
      this.#channels.isOpen(channel) &&
      this.#channels.retiring[channel] === 0 &&
      this.#channels.queryCounts[channel]! < UDP_CHANNEL_QUERIES_MAX &&
      this.#channels.strangerCounts[channel]! < UDP_CHANNEL_STRANGERS_MAX &&
      nowMs - this.#channels.openedMs[channel]! < ageMsMax
    );
  }

  #open(upstream: number, settings: Upstream, nowMs: number): number {
    const { address, port, sourceAddress } = settings.settings;
    const fd = this.#sockets.connectUdp(address, port, this.#below, sourceAddress);
    if (fd < 0) return NO_CHANNEL;
    const channel = this.#channels.open(fd, CHANNEL_UDP, upstream, nowMs);
    if (channel === NO_CHANNEL) {
      this.#kernel.close(fd);
      return NO_CHANNEL;
    }
    const generation = this.#channels.generation(channel);
    this.#sockets.watch(this.#epoll, EPOLL_CTL_ADD, fd, EPOLLIN, this.#tag + channel, generation);
    this.openedCount += 1;
    settings.udpOpenedCount += 1;
    return channel;
  }
}

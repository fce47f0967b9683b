// Hot path.
/**
 * The loop of a data-plane worker: wait, look at the clock once, serve what is ready, send.
 *
 *   poll ─┬─ a listener has datagrams ──── handle_query ─┬─ answers, one system call per batch
 *         └─ the epoll set has events ─┬─ UDP reply ─────┤
 *                                      ├─ TCP reply ─────┴─ handle_reply
 *                                      └─ TCP clients
 *   timers of pending questions → queries of this turn, one system call per upstream → once a
 *   second: sweep
 *
 * `poll` watches the few busy sockets itself, because a call with three arguments is cheap on Node;
 * all others are in one epoll set, which is one more descriptor to `poll`.
 */

import { COUNTER } from "../handoff/counters.ts";
import type { Plan } from "../handoff/plan.ts";
import { LISTENERS_MAX, SLEEP_MS_MAX, TIMER_TICK_MS } from "../limits.ts";
import type { Kernel, Pointer } from "../sys/kernel.ts";
import {
  EPOLL_EVENT_BYTES,
  EPOLL_EVENT_DATA,
  POLLFD_BYTES,
  POLLFD_EVENTS,
  POLLIN,
} from "../sys/layout.ts";
import { adoptPlan } from "./adopt.ts";
import { closeListeners, sweepListeners } from "./adopt_listeners.ts";
import { sweepViews } from "./adopt_views.ts";
import { handleTimeout } from "./ask.ts";
import {
  closeChannels,
  handleTcpChannel,
  handleUdpChannel,
  sweepChannels,
} from "./channel_events.ts";
import { closeAllTcp } from "./finish_tcp.ts";
import { acceptClients, flushTcp, handleTcpEvent, sweepTcp } from "./handle_tcp.ts";
import { handleDatagrams } from "./listeners.ts";
import {
  type Plane,
  TAG_KIND_SHIFT,
  TAG_NUMBER_MASK,
  TAG_TCP_CHANNEL,
  TAG_TCP_CLIENT,
  TAG_TCP_LISTENER,
  TAG_UDP_CHANNEL,
} from "./plane.ts";
import { probe } from "./probe_upstream.ts";
import { runExchanges } from "./run_exchange.ts";

const EVENTS_PER_TURN = 128;
const SWEEP_MS = 1000;
const PROBE_LOOK_MS = 100;

export class Loop {
  readonly plane: Plane;
  readonly #kernel: Kernel;
  readonly #polls: number;
  readonly #pollsPointer: Pointer;
  /** Which listener each entry of the poll table is, behind the first. */
  readonly #pollListeners = new Int32Array(LISTENERS_MAX + 1);
  #pollCount = 1;
  readonly #events: number;
  readonly #eventsPointer: Pointer;
  #nextSweepMs = 0;
  #nextDutyMs = 0;

  constructor(plane: Plane) {
    const { kernel } = plane;
    this.plane = plane;
    this.#kernel = kernel;
    this.#polls = kernel.slab.carve((1 + LISTENERS_MAX) * POLLFD_BYTES);
    this.#pollsPointer = kernel.pointer(this.#polls);
    this.#events = kernel.slab.carve(EVENTS_PER_TURN * EPOLL_EVENT_BYTES);
    this.#eventsPointer = kernel.pointer(this.#events);
  }

  /**
   * Opens the listeners of the plan, and serves as it says.
   *
   * Cold: at start.
   *
   * @returns their ports.
   * @throws {SysError | RangeError} when one cannot be had, or there are too many upstreams.
   */
  open(): number[] {
    return this.adopt(this.plane.plan);
  }

  /**
   * Takes another plan over, between two turns.
   *
   * Cold: at a change.
   *
   * @returns the ports of its listeners.
   * @throws {SysError | RangeError} as `open`; then all stays as it was.
   */
  adopt(plan: Plan): number[] {
    const { plane } = this;
    const ports = adoptPlan(plane, plan);
    const { active, udpFds } = plane.listeners;
    this.#watch(0, plane.epoll);
    active.forEach((listener, index) => {
      this.#pollListeners[1 + index] = listener;
      this.#watch(1 + index, udpFds[listener]!);
    });
    this.#pollCount = 1 + active.length;
    // What waited at listeners that go has been asked for by now: it does not wait for a turn.
    if (plane.exchanges.hasAnswered) runExchanges(plane);
    this.#flush();
    return ports;
  }

  /**
   * One turn: waits for something to do and does it.
   *
   * @param sleepMs the most to wait. Default, and most allowed, SLEEP_MS_MAX.
   * @returns how many descriptors had something for us.
   */
  turn(sleepMs = SLEEP_MS_MAX): number {
    const { plane } = this;
    const isQuiet = plane.pending.timers.count === 0 || sleepMs < TIMER_TICK_MS;
    const waitMs = isQuiet ? sleepMs : TIMER_TICK_MS;
    const ready = this.#kernel.poll(this.#pollsPointer, this.#pollCount, waitMs);
    plane.nowMs = this.#kernel.monotonicMs();
    plane.nowSec = Math.floor(plane.nowMs / 1000);
    plane.turn += 1;
    plane.counters[COUNTER.heartbeatMs] = plane.nowMs;
    // An idle process comes by here ten times a second, with code that was never optimised.
    if (ready === 0 && plane.pending.timers.count === 0 && plane.nowMs < this.#nextDutyMs) return 0;
    if (ready > 0) {
      for (let poll = 1; poll < this.#pollCount; poll++) {
        if (this.#isReady(poll)) handleDatagrams(plane, this.#pollListeners[poll]!);
      }
      if (this.#isReady(0)) this.#dispatchEvents();
    }
    this.#expireTimers();
    if (plane.exchanges.hasAnswered) runExchanges(plane);
    if (plane.nowMs >= this.#nextDutyMs) this.#doDuties();
    this.#flush();
    return ready;
  }

  /** Closes every socket; what was asked is not answered any more. */
  close(): void {
    closeListeners(this.plane);
    closeAllTcp(this.plane);
    closeChannels(this.plane);
    this.#kernel.close(this.plane.epoll);
  }

  #watch(poll: number, fd: number): void {
    const { words } = this.plane;
    const at = (this.#polls + poll * POLLFD_BYTES) >> 2;
    words[at] = fd;
    words[at + (POLLFD_EVENTS >> 2)] = POLLIN;
  }

  /** `events` and `revents` share a word; what happened is its upper half. */
  #isReady(poll: number): boolean {
    const at = (this.#polls + poll * POLLFD_BYTES + POLLFD_EVENTS) >> 2;
    return this.plane.words[at]! >>> 16 !== 0;
  }

  #dispatchEvents(): void {
    const { plane } = this;
    const count = this.#kernel.epollWait(plane.epoll, this.#eventsPointer, EVENTS_PER_TURN, 0);
    for (let index = 0; index < count; index++) {
      const at = (this.#events + index * EPOLL_EVENT_BYTES) >> 2;
      const tag = plane.words[at + (EPOLL_EVENT_DATA >> 2)]!;
      const generation = plane.words[at + (EPOLL_EVENT_DATA >> 2) + 1]!;
      this.#dispatch(tag, generation, plane.words[at]!);
    }
  }

  #dispatch(tag: number, generation: number, events: number): void {
    const { plane } = this;
    const number = tag & TAG_NUMBER_MASK;
    switch ((tag >> TAG_KIND_SHIFT) << TAG_KIND_SHIFT) {
      case TAG_UDP_CHANNEL:
        handleUdpChannel(plane, number, generation);
        break;
      case TAG_TCP_CHANNEL:
        handleTcpChannel(plane, number, generation, events);
        break;
      case TAG_TCP_LISTENER:
        acceptClients(plane, plane.listeners.tcpFds[number]!, number);
        break;
      case TAG_TCP_CLIENT:
        handleTcpEvent(plane, number, generation, events);
        break;
      default:
        throw new RangeError("Cannot dispatch an event: unknown tag");
    }
  }

  #expireTimers(): void {
    const { plane } = this;
    for (;;) {
      const slot = plane.pending.timers.expire(plane.nowMs);
      if (slot < 0) break;
      handleTimeout(plane, slot);
    }
  }

  /** What is done now and then: once a second, or more often while an upstream is failing. */
  #doDuties(): void {
    const { plane } = this;
    if (plane.nowMs >= this.#nextSweepMs) this.#sweep();
    this.#nextDutyMs = this.#nextSweepMs;
    for (let upstream = 0; upstream < plane.upstreams.length; upstream++) {
      if (plane.upstreams[upstream].failCount === 0) continue;
      if (plane.upstreams[upstream].isProbeDue(plane.nowMs)) probe(plane, upstream);
      this.#nextDutyMs = Math.min(this.#nextSweepMs, plane.nowMs + PROBE_LOOK_MS);
    }
  }

  #flush(): void {
    const { plane } = this;
    // TCP first: a connection that goes on now may bring queries for upstreams, and UDP answers.
    flushTcp(plane);
    plane.answers.flush();
    for (let upstream = 0; upstream < plane.upstreamBatches.length; upstream++) {
      plane.upstreamBatches[upstream]!.flush();
    }
    plane.tcpChannels.flush();
  }

  #sweep(): void {
    const { plane } = this;
    this.#nextSweepMs = plane.nowMs + SWEEP_MS;
    sweepTcp(plane);
    sweepChannels(plane);
    sweepListeners(plane);
    sweepViews(plane);
    plane.loopWatch.sweep(plane);
    const { counters } = plane;
    counters[COUNTER.pending] = plane.pending.usedCount;
    counters[COUNTER.waiters] = plane.waiters.usedCount;
    counters[COUNTER.dropSend] = plane.answers.dropCount;
    for (let upstream = 0; upstream < plane.upstreamBatches.length; upstream++) {
      counters[COUNTER.dropSend] += plane.upstreamBatches[upstream].dropCount;
    }
    counters[COUNTER.turns] = plane.turn;
    counters[COUNTER.upstreamSocketsOpened] =
      plane.udpChannels.openedCount + plane.tcpChannels.openedCount;
  }
}

// Hot path.
/**
 * The TCP connections of clients: which there are, and what each waits for.
 *
 * Columns by connection number. What connections have sent and are to be sent is in `input` and
 * `output`. Control flow is in `handle_tcp.ts` and `deliver_tcp.ts`.
 *
 * Two things stop a connection from being read: as many questions under way as one may have, and
 * answers that its socket does not take.
 */

import { COUNTER } from "../handoff/counters.ts";
import {
  TCP_CLIENT_IDLE_MS_MIN,
  TCP_CLIENT_PENDING_MAX,
  TCP_CLIENTS_MAX,
  TCP_CLIENTS_PER_ADDRESS_MAX,
  TCP_MESSAGE_BYTES_MAX,
} from "../limits.ts";
import { NO_SLOT, SlotPool } from "../std/slot_pool.ts";
import { EAGAIN, EMFILE, ENFILE } from "../sys/errno.ts";
import type { Kernel } from "../sys/kernel.ts";
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  SHUT_WR,
} from "../sys/layout.ts";
import type { Sockets } from "../sys/sockets.ts";
import { TcpAcceptor } from "./tcp_acceptor.ts";
import { TcpInput } from "./tcp_input.ts";
import { TcpOutput } from "./tcp_output.ts";

/** What is sent is read. */
const STATE_OPEN = 1;
/** The client will send no more; it still gets what it has asked for. */
const STATE_FINISHED = 2;
/** The client has sent what nobody can read; what follows is thrown away. */
const STATE_DISCARDING = 3;
/** As before, and it has been told that no more comes from us. */
const STATE_CLOSING = 4;

const READ_EVENTS = EPOLLIN | EPOLLRDHUP;
/** Messages are written to whole words. */
const SLACK_BYTES = 1;

export class TcpClients {
  readonly acceptor: TcpAcceptor;
  readonly input: TcpInput;
  readonly output: TcpOutput;
  /** Where late answers may be written: 4-aligned, room for one of 65,535 bytes. Lent, not kept. */
  readonly scratchOffset: number;
  /** By connection: its socket, -1 when there is no connection. */
  readonly fds = new Int32Array(TCP_CLIENTS_MAX).fill(-1);
  /** Index of the listener, by connection. */
  readonly listeners = new Uint16Array(TCP_CLIENTS_MAX);
  /** Questions that wait for an upstream, by connection. */
  readonly pendingCounts = new Int32Array(TCP_CLIENTS_MAX);
  readonly #kernel: Kernel;
  readonly #sockets: Sockets;
  readonly #epoll: number;
  readonly #tag: number;
  readonly #counters: Float64Array;
  readonly #pool = new SlotPool(TCP_CLIENTS_MAX);
  readonly #states = new Uint8Array(TCP_CLIENTS_MAX);
  readonly #interests = new Int32Array(TCP_CLIENTS_MAX);
  /** When a message last came or went. */
  readonly #activeMs = new Float64Array(TCP_CLIENTS_MAX);
  /** Connections to look at before the turn ends, each once. */
  readonly #due = new Int32Array(TCP_CLIENTS_MAX);
  readonly #isDue = new Uint8Array(TCP_CLIENTS_MAX);
  dueCount = 0;

  /**
   * @param epoll gets the connections' sockets; events carry `tag` + connection and a generation.
   * @param counters see handoff/counters.ts.
   */
  constructor(
    kernel: Kernel,
    sockets: Sockets,
    epoll: number,
    tag: number,
    counters: Float64Array,
  ) {
    this.#kernel = kernel;
    this.#sockets = sockets;
    this.#epoll = epoll;
    this.#tag = tag;
    this.#counters = counters;
    this.acceptor = new TcpAcceptor(kernel);
    this.output = new TcpOutput(kernel);
    this.input = new TcpInput(kernel);
    this.scratchOffset = kernel.slab.carve(TCP_MESSAGE_BYTES_MAX + SLACK_BYTES, 64);
  }

  get connectionCount(): number {
    return this.#pool.usedCount;
  }

  isOpen(connection: number): boolean {
    return this.fds[connection]! >= 0;
  }

  /** Whether `connection` is still the one that had this generation. */
  isCurrent(connection: number, generation: number): boolean {
    return this.fds[connection]! >= 0 && this.#pool.generation(connection) === generation;
  }

  generation(connection: number): number {
    return this.#pool.generation(connection);
  }

  /** Whether one more query of `connection` may be handled. */
  mayAsk(connection: number): boolean {
    return (
      this.pendingCounts[connection]! < TCP_CLIENT_PENDING_MAX && !this.output.isBlocked(connection)
    );
  }

  /** Whether what `connection` sends is a sequence of messages still. */
  isReadable(connection: number): boolean {
    return this.#states[connection] === STATE_OPEN;
  }

  /** Whether the socket's input is watched; not so while the connection may not ask. */
  isWatched(connection: number): boolean {
    return (this.#interests[connection]! & EPOLLIN) !== 0;
  }

  touch(connection: number, nowMs: number): void {
    this.#activeMs[connection] = nowMs;
  }

  /** Since a message came or went; 0 while something is under way. */
  idleForMs(connection: number, nowMs: number): number {
    const isBusy = this.pendingCounts[connection] !== 0 || this.output.has(connection);
    return isBusy ? 0 : nowMs - this.#activeMs[connection]!;
  }

  /**
   * The share of its time-out that a connection may be idle: 1, and less and less from the moment
   * half of the slots are taken.
   */
  idleShare(): number {
    // RFC 7766 §6.2.3: the time-out may vary with load, rather than turning clients away.
    const free = TCP_CLIENTS_MAX - this.#pool.usedCount;
    return Math.min((free * 2) / TCP_CLIENTS_MAX, 1);
  }

  /** Has a look at `connection` before the turn ends. */
  markDue(connection: number): void {
    if (this.#isDue[connection] === 1) return;
    this.#isDue[connection] = 1;
    this.#due[this.dueCount] = connection;
    this.dueCount += 1;
  }

  /** Number `index`, below `dueCount`, of the connections that were marked. */
  dueAt(index: number): number {
    return this.#due[index]!;
  }

  /** Takes one of them; there must be one. It may be closed by now. */
  takeDue(): number {
    this.dueCount -= 1;
    const connection = this.#due[this.dueCount]!;
    this.#isDue[connection] = 0;
    return connection;
  }

  /** Takes one connection from a listening socket. @returns false when there is none, for now. */
  accept(listenerFd: number, listener: number, nowMs: number): boolean {
    const fd = this.acceptor.accept(listenerFd);
    if (fd === -EMFILE || fd === -ENFILE) return this.#acceptWithoutFd(listenerFd, nowMs);
    // Other errors are those of a connection that has ended while it waited (accept(2)).
    if (fd < 0) return fd !== -EAGAIN;
    let connection = NO_SLOT;
    if (this.acceptor.countOfAccepted() < TCP_CLIENTS_PER_ADDRESS_MAX) {
      connection = this.#pool.take();
      if (connection === NO_SLOT && this.#closeIdle(nowMs)) connection = this.#pool.take();
    }
    if (connection === NO_SLOT) {
      this.#counters[COUNTER.tcpRefused]! += 1;
      this.#kernel.close(fd);
    } else {
      this.#open(connection, fd, listener, nowMs);
    }
    return true;
  }

  /** The client has sent its last byte, or so we decide; with `isOver` false that is taken back. */
  finish(connection: number, isOver = true): void {
    if (isOver) this.#states[connection] = STATE_FINISHED;
    else if (this.#states[connection] === STATE_FINISHED) this.#states[connection] = STATE_OPEN;
  }

  /**
   * Nothing that the client sends is read any more; it gets what it has asked for, then the end.
   */
  discard(connection: number, nowMs: number): void {
    this.#states[connection] = STATE_DISCARDING;
    this.#activeMs[connection] = nowMs;
    this.input.clear(connection);
  }

  /** Watches for what the connection can go on with, or closes it when that is nothing. */
  settle(connection: number): void {
    const hasOutput = this.output.has(connection);
    if (this.pendingCounts[connection] === 0 && !hasOutput) {
      if (this.#states[connection] === STATE_FINISHED) {
        this.close(connection);
        return;
      }
      if (this.#states[connection] === STATE_DISCARDING) {
        // Closing with unread input is a reset, which could overtake our answer (RFC 2525 §2.17).
        this.#states[connection] = STATE_CLOSING;
        this.#kernel.shutdown(this.fds[connection]!, SHUT_WR);
      }
    }
    let events = this.output.isBlocked(connection) ? EPOLLOUT : 0;
    if (this.#states[connection] === STATE_OPEN) {
      if (this.mayAsk(connection)) events |= READ_EVENTS;
    } else if (this.#states[connection] !== STATE_FINISHED) {
      events |= READ_EVENTS;
    }
    if (events === this.#interests[connection]) return;
    this.#interests[connection] = events;
    this.#watch(EPOLL_CTL_MOD, connection);
  }

  closeFor(connection: number, counter: number): void {
    this.#counters[counter]! += 1;
    this.close(connection);
  }

  /** Closes `connection`; answers that are still to come will not find it. */
  close(connection: number): void {
    this.#kernel.close(this.fds[connection]!);
    this.fds[connection] = -1;
    this.acceptor.forget(connection);
    this.output.release(connection);
    this.input.clear(connection);
    this.#pool.release(connection);
    this.#counters[COUNTER.tcpOpen]! -= 1;
  }

  #open(connection: number, fd: number, listener: number, nowMs: number): void {
    this.acceptor.keep(connection);
    this.listeners[connection] = listener;
    this.pendingCounts[connection] = 0;
    this.fds[connection] = fd;
    this.#states[connection] = STATE_OPEN;
    this.#interests[connection] = READ_EVENTS;
    this.#activeMs[connection] = nowMs;
    this.#counters[COUNTER.tcpOpen]! += 1;
    this.#counters[COUNTER.tcpAccepted]! += 1;
    this.#sockets.setNoDelay(fd);
    this.#watch(EPOLL_CTL_ADD, connection);
  }

  #acceptWithoutFd(listenerFd: number, nowMs: number): boolean {
    if (this.#closeIdle(nowMs)) return true;
    // A connection that is left waiting would make the listener ready for ever.
    if (!this.acceptor.turnAway(listenerFd)) return false;
    this.#counters[COUNTER.tcpRefused]! += 1;
    return true;
  }

  #watch(operation: number, connection: number): void {
    const events = this.#interests[connection]!;
    const generation = this.#pool.generation(connection);
    const fd = this.fds[connection]!;
    const tag = this.#tag + connection;
    const code = this.#sockets.watch(this.#epoll, operation, fd, events, tag, generation);
    // The kernel lacks memory, and would never tell us of this connection again.
    if (code < 0) this.close(connection);
  }

  /** Closes the connection that has been idle longest. @returns false when none is idle enough. */
  #closeIdle(nowMs: number): boolean {
    let idlest = NO_SLOT;
    let idleMs = TCP_CLIENT_IDLE_MS_MIN;
    for (let connection = 0; connection < TCP_CLIENTS_MAX; connection++) {
      if (!this.isOpen(connection)) continue;
      const forMs = this.idleForMs(connection, nowMs);
      if (forMs <= idleMs) continue;
      idlest = connection;
      idleMs = forMs;
    }
    if (idlest === NO_SLOT) return false;
    this.closeFor(idlest, COUNTER.tcpClosedIdle);
    return true;
  }
}

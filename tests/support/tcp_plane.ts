/**
 * A data plane of which only the TCP client side is real, over the simulated kernel.
 *
 * What becomes of a query is decided by its first label: `refused` is answered REFUSED at once,
 * `hit` comes from a cache with one entry, and all others wait until the test answers them.
 */

import { buildEntry, ENTRY_HEADER_BYTES, entryTtlsOffset } from "../../src/cache/entry.ts";
import {
  COUNTER,
  type CounterName,
  countersMemory,
  countersRow,
} from "../../src/handoff/counters.ts";
import { TIMEOUTS_DEFAULT } from "../../src/handoff/plan.ts";
import { Client } from "../../src/server/client.ts";
import { deliverTcp } from "../../src/server/deliver_tcp.ts";
import { acceptClients, flushTcp, handleTcpEvent, sweepTcp } from "../../src/server/handle_tcp.ts";
import type { Plane } from "../../src/server/plane.ts";
import { TcpClients } from "../../src/server/tcp_clients.ts";
import {
  EPOLL_CTL_ADD,
  EPOLL_EVENT_BYTES,
  EPOLL_EVENT_DATA,
  EPOLLIN,
} from "../../src/sys/layout.ts";
import { Sockets } from "../../src/sys/sockets.ts";
import { nameToWire } from "../../src/wire/name.ts";
import { Query } from "../../src/wire/query.ts";
import { SimKernel } from "./sim_kernel.ts";
import { connectTcpPeer, type SimTcpPeer } from "./sim_peers.ts";
import type { SimKernelOptions } from "./sim_system.ts";

export const TCP_PLANE_ADDRESS = "192.0.2.53";
const LISTENER_TAG = 0x3000000;
const CLIENT_TAG = 0x4000000;
const EVENTS_MAX = 2048;
const TYPE_A = 1;
const CLASS_IN = 1;
const LIFETIME_SEC = 1_000_000_000;

/** A question that waits, as `ANSWER_LATER` has promised. */
export interface WaitingQuestion {
  readonly id: number;
  readonly connection: number;
  readonly generation: number;
}

export class TcpPlane {
  readonly sim: SimKernel;
  readonly plane: Plane;
  readonly waiting: WaitingQuestion[] = [];
  /** Called before a question waits: what happens in the middle of handling a query. */
  onMiss: (() => void) | null = null;
  readonly #sockets: Sockets;
  readonly #epoll: number;
  readonly #listenerFd: number;
  readonly #events: number;
  readonly #port: number;
  readonly #counters = countersRow(countersMemory(1), 0);

  /** @param hitBytes length of the message that `hit.example.org` is answered with. */
  constructor(options: SimKernelOptions = {}, hitBytes = 100) {
    this.sim = new SimKernel(options);
    this.#sockets = new Sockets(this.sim);
    this.#epoll = this.sim.epollCreate();
    this.#events = this.sim.slab.carve(EVENTS_MAX * EPOLL_EVENT_BYTES);
    this.#listenerFd = this.#sockets.listenTcp(TCP_PLANE_ADDRESS, 0);
    this.#port = this.#sockets.localPort(this.#listenerFd);
    this.#sockets.watch(this.#epoll, EPOLL_CTL_ADD, this.#listenerFd, EPOLLIN, LISTENER_TAG);
    this.plane = this.#fakePlane(hitBytes);
  }

  count(name: CounterName): number {
    return this.#counters[COUNTER[name]]!;
  }

  /** A client at `address`; it is connected after the next turn. */
  connect(address = "192.0.2.7"): SimTcpPeer {
    return connectTcpPeer(this.sim, address, { address: TCP_PLANE_ADDRESS, port: this.#port });
  }

  /** Turns until nothing happens any more, without letting time pass. */
  run(): void {
    let idleTurns = 0;
    for (let turn = 0; turn < 1000; turn++) {
      idleTurns = this.turn() ? 0 : idleTurns + 1;
      // What the last turn has sent may be what a peer has waited for.
      if (idleTurns === 2) return;
    }
    throw new Error("Cannot come to rest: there is always something to do");
  }

  /** One turn of the loop. @returns whether there was anything to do. */
  turn(): boolean {
    const { plane, sim } = this;
    const events = sim.pointer(this.#events);
    const count = sim.epollWait(this.#epoll, events, EVENTS_MAX, 0);
    plane.nowMs = sim.monotonicMs();
    plane.nowSec = Math.floor(plane.nowMs / 1000);
    for (let index = 0; index < count; index++) {
      const at = this.#events + index * EPOLL_EVENT_BYTES;
      const tag = sim.slab.view.getUint32(at + EPOLL_EVENT_DATA, true);
      const generation = sim.slab.view.getUint32(at + EPOLL_EVENT_DATA + 4, true);
      const happened = sim.slab.view.getUint32(at, true);
      if (tag === LISTENER_TAG) acceptClients(plane, this.#listenerFd, 0);
      else handleTcpEvent(plane, tag - CLIENT_TAG, generation, happened);
    }
    flushTcp(plane);
    sim.clock.runDue();
    return count > 0;
  }

  /** Lets time pass, second by second, with what the loop does meanwhile. */
  pass(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      this.sim.clock.advanceTo(this.sim.clock.nowMs + 1000);
      this.run();
      sweepTcp(this.plane);
      this.sim.clock.runDue();
    }
  }

  /** Answers the oldest question that waits with `lengthBytes` bytes that begin with its id. */
  answer(lengthBytes: number, question = this.waiting.shift()!): void {
    const { tcpClients } = this.plane;
    const { bytes, view } = this.sim.slab;
    const offset = tcpClients.scratchOffset;
    for (let at = 0; at < lengthBytes; at++) bytes[offset + at] = at % 251;
    view.setUint16(offset, question.id);
    deliverTcp(this.plane, question.connection, question.generation, offset, lengthBytes);
  }

  #fakePlane(hitBytes: number): Plane {
    const { sim, waiting } = this;
    const { slab } = sim;
    const query = new Query();
    const client = new Client();
    const tcpClients = new TcpClients(sim, this.#sockets, this.#epoll, CLIENT_TAG, this.#counters);
    const first = (label: string) => String.fromCharCode(...query.nameBytes).startsWith(label, 1);
    const fake = {
      ...{ kernel: sim, sockets: this.#sockets, epoll: this.#epoll, counters: this.#counters },
      ...{ bytes: slab.bytes, words: slab.words, view: slab.view, hashSeed: 1, tcpClients },
      ...{ query, client, nowMs: sim.monotonicMs(), nowSec: 0, turn: 0 },
      cache: fakeCache(hitBytes),
      listeners: {
        routers: [{ find: () => (first("refused") ? -1 : 0) }],
        readMs: [TIMEOUTS_DEFAULT.readMs],
        writeMs: [TIMEOUTS_DEFAULT.writeMs],
        idleMs: [TIMEOUTS_DEFAULT.idleMs],
      },
      viewChoice: null,
      scopeViews: Int32Array.of(0),
      views: [
        {
          id: 0,
          front: null,
          gates: null,
          amends: null,
          queryFlags: { set: 0, clear: 0 },
          order: null,
          back: null,
          policy: { keepTtl: false, prefetch: null, staleSec: 0 },
          logClasses: 0,
          udpBytesMax: 1232,
          caches: () => first("hit"),
        },
      ],
      pending: {
        find: () => {
          this.onMiss?.();
          return 0;
        },
        lastWaiters: [0],
      },
      waiters: {
        next: [0],
        add: () => {
          const { connection, generation } = client;
          waiting.push({ id: query.id, connection, generation });
          return 0;
        },
      },
    };
    return fake as unknown as Plane;
  }
}

/** A query as it goes over TCP: length, header with RD, question of type A. */
export function tcpQuery(id: number, name: string): Uint8Array {
  const wire = nameToWire(name);
  const lengthBytes = 12 + wire.length + 4;
  const query = new Uint8Array(2 + lengthBytes);
  const view = new DataView(query.buffer);
  view.setUint16(0, lengthBytes);
  view.setUint16(2, id);
  view.setUint16(4, 0x0100);
  view.setUint16(6, 1);
  query.set(wire, 14);
  view.setUint16(14 + wire.length, TYPE_A);
  view.setUint16(16 + wire.length, CLASS_IN);
  return query;
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Ids of all whole messages that `peer` has received, in order. */
export function takeIds(peer: SimTcpPeer): number[] {
  const ids: number[] = [];
  for (;;) {
    const message = peer.takeMessage();
    if (message === null) return ids;
    ids.push((message[0]! << 8) | message[1]!);
  }
}

function fakeCache(hitBytes: number) {
  const entry = 64;
  const buffer = new SharedArrayBuffer(1 << 17);
  const words = new Int32Array(buffer);
  const view = new DataView(buffer);
  const name = nameToWire("hit.example.org.");
  new Uint8Array(buffer).set(name, entry + ENTRY_HEADER_BYTES + 12);
  const decision = { kind: 1, lifetimeSec: LIFETIME_SEC } as never;
  const ttls = new Uint16Array(1);
  const { length } = name;
  buildEntry(words, view, entry, hitBytes, ttls, 0, 0, length, TYPE_A, CLASS_IN, 0, 0, decision, 0);
  return {
    words,
    view,
    messageOffset: entry + ENTRY_HEADER_BYTES,
    messageLength: hitBytes,
    ttlsOffset: entryTtlsOffset(entry, hitBytes),
    ttlCount: 0,
    kind: 1,
    storedAtSec: 0,
    expiresAtSec: LIFETIME_SEC,
    find: () => entry,
    isStill: () => true,
  };
}

/** 0 to `count` - 1. */
export function ids(count: number): number[] {
  return Array.from({ length: count }, (_, id) => id);
}

/** `count` queries for `name`, one after the other, by those ids. */
export function queries(count: number, name: string): Uint8Array {
  return joinBytes(ids(count).map((id) => tcpQuery(id, name)));
}

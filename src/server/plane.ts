/**
 * All state of one data-plane worker, made once at start. Control flow is in the files beside it;
 * they are functions over a `Plane`.
 *
 * Whoever handles a query or a reply borrows `query`, `client` and `reply`: they hold what is being
 * looked at, until the next one.
 */

import type { Cache } from "../cache/cache.ts";
import { ANSWERED_BY_NONE } from "../handoff/answerers.ts";
import type { MetricsRows } from "../handoff/metrics_memory.ts";
import type { Plan } from "../handoff/plan.ts";
import type { RingWriter } from "../handoff/ring.ts";
import {
  PENDING_MAX,
  TCP_MESSAGE_BYTES_MAX,
  UDP_ANSWER_BYTES_MAX,
  UDP_BATCH,
  UPSTREAM_ROWS,
  UPSTREAMS_MAX,
  WAITERS_MAX,
} from "../limits.ts";
import { RandomPool } from "../std/random_pool.ts";
import type { Kernel } from "../sys/kernel.ts";
import { ReceiveBatch } from "../sys/receive_batch.ts";
import { SendBatch } from "../sys/send_batch.ts";
import { Sockets } from "../sys/sockets.ts";
import { Channels } from "../upstream/channels.ts";
import { PendingTable } from "../upstream/pending.ts";
import { Route } from "../upstream/route.ts";
import { TcpChannels } from "../upstream/tcp_channels.ts";
import { UdpChannels } from "../upstream/udp_channels.ts";
import { Upstream, type UpstreamSettings } from "../upstream/upstream.ts";
import { CLASS_IN, QUESTION_FIXED_BYTES, TYPE_NS } from "../wire/constants.ts";
import { nameToWire } from "../wire/name.ts";
import { Query } from "../wire/query.ts";
import { Reply } from "../wire/reply.ts";
import { Client } from "./client.ts";
import { Exchanges } from "./exchanges.ts";
import { PluginCounterRows } from "./plugin_counter_rows.ts";
import { QueryBatch } from "./query_batch.ts";
import { ReplyScratch } from "./reply_scratch.ts";
import { REQUEST_BYTES } from "./request.ts";
import { TcpClients } from "./tcp_clients.ts";
import { View, type ViewContext } from "./view.ts";
import { Waiters } from "./waiters.ts";
import { ZoneRouter } from "./zone_router.ts";

/** Kinds of epoll events, in the upper bits of their tag; the number of the thing is below. */
export const TAG_KIND_SHIFT = 24;
export const TAG_UDP_CHANNEL = 1 << TAG_KIND_SHIFT;
export const TAG_TCP_CHANNEL = 2 << TAG_KIND_SHIFT;
export const TAG_TCP_LISTENER = 3 << TAG_KIND_SHIFT;
export const TAG_TCP_CLIENT = 4 << TAG_KIND_SHIFT;
export const TAG_NUMBER_MASK = (1 << TAG_KIND_SHIFT) - 1;

/** Upstream queries are a header, a question and an OPT: 12 + 259 + 11 bytes at most. */
const UPSTREAM_QUERY_BYTES = 320;
const UPSTREAM_BATCH = 64;

/** Bytes of slab that a plane needs; pages that are never used cost nothing. */
export const PLANE_SLAB_BYTES = 40 * 1024 * 1024;

export interface PlaneOptions {
  readonly kernel: Kernel;
  readonly plan: Plan;
  readonly cache: Cache;
  /** This worker's row, see handoff/counters.ts. */
  readonly counters: Float64Array;
  /** This worker's rows. */
  readonly metrics: MetricsRows;
  /** For the hash of names: the same in all workers that share a cache. */
  readonly hashSeed: number;
  /** Records for the control plane, see handoff/records.ts. */
  readonly ring: RingWriter;
  /** What this worker says when it is asked who it is, see instance_answer.ts. */
  readonly instance: string;
}

export class Plane {
  readonly kernel: Kernel;
  readonly plan: Plan;
  readonly cache: Cache;
  readonly counters: Float64Array;
  readonly metrics: MetricsRows;
  readonly hashSeed: number;
  readonly ring: RingWriter;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  readonly sockets: Sockets;
  /** `PlaneOptions.instance` in ASCII. */
  readonly instance: Uint8Array;
  readonly epoll: number;
  readonly random: RandomPool;

  /** The query that is being handled: `ownQuery`, or one of `batchQueries`. */
  query = new Query();
  readonly ownQuery = this.query;
  readonly batch: QueryBatch;
  readonly client = new Client();
  readonly reply = new Reply();
  readonly scratch: ReplyScratch;

  readonly received: ReceiveBatch;
  readonly answers: SendBatch;
  /** UDP queries of this turn, per upstream. */
  readonly upstreamBatches: readonly SendBatch[];
  readonly waiters: Waiters;
  readonly pending: PendingTable;
  readonly channels: Channels;
  readonly udpChannels: UdpChannels;
  readonly tcpChannels: TcpChannels;
  readonly tcpClients: TcpClients;
  readonly exchanges: Exchanges;
  readonly upstreams: readonly Upstream[];
  readonly routes: readonly Route[];
  readonly views: readonly View[];
  /** UDP descriptors of the listeners, by listener. */
  readonly listenerFds: Int32Array;
  readonly listenerTcpFds: Int32Array;
  /** When each listener last had datagrams. */
  readonly lastReceivedMs: Float64Array;

  /** The view of each scope of the plan. */
  readonly scopeViews: Int32Array;
  /** Which scope a name belongs to, by listener. */
  readonly zoneRouters: readonly ZoneRouter[];
  /** Where a query for a TCP upstream is written before it goes to the connection's buffer. */
  readonly queryScratch: number;
  /** The question of each upstream's health probe, in the slab. */
  readonly probeOffsets: Int32Array;
  readonly probeLengths: Int32Array;

  /** Who has the answer that waiters are given: ANSWERED_BY_…, see handoff/answerers.ts. */
  answeredBy = ANSWERED_BY_NONE;
  /** The scope of what no zone takes, by listener, and whether it is counted. */
  readonly droppedScopes: Int32Array;
  readonly countsDropped: boolean;

  /** The clock, read once per turn. */
  nowMs: number;
  nowSec: number;
  turn = 0;

  constructor(options: PlaneOptions) {
    const { kernel, plan, cache, counters, hashSeed } = options;
    const { slab } = kernel;
    this.kernel = kernel;
    this.plan = plan;
    this.cache = cache;
    this.counters = counters;
    this.metrics = options.metrics;
    this.hashSeed = hashSeed;
    this.ring = options.ring;
    this.bytes = slab.bytes;
    this.words = slab.words;
    this.view = slab.view;
    this.sockets = new Sockets(kernel);
    this.instance = new TextEncoder().encode(options.instance);
    this.epoll = kernel.epollCreate();
    this.random = new RandomPool((target) => kernel.randomBytes(target));
    this.nowMs = kernel.monotonicMs();
    this.nowSec = Math.floor(this.nowMs / 1000);
    this.scratch = new ReplyScratch();
    this.batch = new QueryBatch();
    this.received = new ReceiveBatch(kernel);
    this.answers = new SendBatch(kernel, UDP_BATCH, roundUp(UDP_ANSWER_BYTES_MAX));
    this.waiters = new Waiters(slab, WAITERS_MAX);
    this.pending = new PendingTable(PENDING_MAX, this.nowMs);
    const { upstreams, routes, views } = buildViews(plan, this.random, contextOf(this));
    this.upstreams = upstreams;
    this.routes = routes;
    this.views = views;
    this.upstreamBatches = upstreams.map(
      () => new SendBatch(kernel, UPSTREAM_BATCH, UPSTREAM_QUERY_BYTES),
    );
    this.channels = new Channels();
    this.udpChannels = new UdpChannels(
      kernel,
      this.sockets,
      this.channels,
      this.random,
      this.epoll,
      TAG_UDP_CHANNEL,
      this.upstreamBatches,
    );
    this.tcpChannels = new TcpChannels(
      kernel,
      this.sockets,
      this.channels,
      this.epoll,
      TAG_TCP_CHANNEL,
    );
    this.tcpClients = new TcpClients(kernel, this.sockets, this.epoll, TAG_TCP_CLIENT, counters);
    const listenerCount = plan.listeners.length;
    this.listenerFds = new Int32Array(listenerCount).fill(-1);
    this.listenerTcpFds = new Int32Array(listenerCount).fill(-1);
    this.lastReceivedMs = new Float64Array(listenerCount).fill(Number.NEGATIVE_INFINITY);
    this.zoneRouters = plan.listeners.map(({ zones }) => new ZoneRouter(zones));
    this.scopeViews = scopeViewsOf(plan);
    this.droppedScopes = Int32Array.from(plan.listeners, ({ droppedScope }) => droppedScope);
    this.countsDropped = plan.views.some(({ metrics }) => metrics);
    this.exchanges = new Exchanges(
      slab.carve(REQUEST_BYTES, 64),
      slab.carve(roundUp(TCP_MESSAGE_BYTES_MAX), 64),
    );
    this.queryScratch = slab.carve(UPSTREAM_QUERY_BYTES, 64);
    this.probeOffsets = new Int32Array(upstreams.length);
    this.probeLengths = new Int32Array(upstreams.length);
    for (const [number, upstream] of upstreams.entries()) this.#writeProbe(upstream, number);
  }

  #writeProbe(upstream: Upstream, number: number): void {
    const name = nameToWire(upstream.settings.healthCheck.domain);
    const lengthBytes = name.length + QUESTION_FIXED_BYTES;
    const offset = this.kernel.slab.carve(lengthBytes);
    this.bytes.set(name, offset);
    this.view.setUint16(offset + name.length, TYPE_NS);
    this.view.setUint16(offset + name.length + 2, CLASS_IN);
    this.probeOffsets[number] = offset;
    this.probeLengths[number] = lengthBytes;
  }
}

function contextOf({ metrics, client, plan, random }: Plane): ViewContext {
  const counters = new PluginCounterRows(metrics.plugins, client, plan.pluginCounters);
  return {
    randomBelow: (limit) => random.below(limit),
    counter: (name, labels) => counters.counter(name, labels),
  };
}

/** Upstreams with the same address and settings are one, whichever server block names them. */
function buildViews(plan: Plan, random: RandomPool, context: ViewContext) {
  const upstreams: Upstream[] = [];
  const numbers = new Map<string, number>();
  const routes: Route[] = [];
  const numberOf = (settings: UpstreamSettings): number => {
    const key = JSON.stringify(settings);
    let number = numbers.get(key);
    if (number === undefined) {
      number = upstreams.length;
      if (number === UPSTREAMS_MAX) {
        const limit = `at most ${UPSTREAMS_MAX} different upstreams in all "forward" lines together`;
        throw new RangeError(`Cannot use this configuration: expected ${limit}`);
      }
      numbers.set(key, number);
      const upstream = new Upstream(settings);
      upstream.metricsRow = plan.upstreamRows[upstream.name] ?? UPSTREAM_ROWS - 1;
      upstreams.push(upstream);
    }
    return number;
  };
  const views = plan.views.map((view, id) => {
    const own = view.forwards.map((forward) => {
      const { forceTcp, maxFails, expireMs, healthCheck } = forward;
      const members = forward.upstreams.map(({ address, port }) =>
        numberOf({ address, port, forceTcp, maxFails, expireMs, healthCheck }),
      );
      const route = new Route(routes.length, forward, members, upstreams, random);
      routes.push(route);
      return route;
    });
    return new View(id, view, own, context);
  });
  return { upstreams, routes, views };
}

/** A scope that is in no zone has no view. */
function scopeViewsOf({ listeners }: Plan): Int32Array {
  const routes = listeners.flatMap(({ zones }) => zones);
  const last = routes.reduce((highest, { scope }) => Math.max(highest, scope), -1);
  const views = new Int32Array(last + 1).fill(-1);
  for (const { scope, view } of routes) views[scope] = view;
  return views;
}

function roundUp(bytes: number): number {
  return (bytes + 63) & ~63;
}

/**
 * All state of one data-plane worker, made once at start. Control flow is in the files beside it;
 * they are functions over a `Plane`.
 *
 * Whoever handles a query or a reply borrows `query`, `client` and `reply`: they hold what is being
 * looked at, until the next one.
 */

import type { Cache } from "../cache/cache.ts";
import { ANSWERED_BY_NONE } from "../handoff/answerers.ts";
import { LOOP_WORDS } from "../handoff/loop_words.ts";
import type { MetricsRows } from "../handoff/metrics_memory.ts";
import type { Plan } from "../handoff/plan.ts";
import type { RingWriter } from "../handoff/ring.ts";
import type { SecureUpstream } from "../handoff/worker_start.ts";
import {
  PENDING_MAX,
  TCP_MESSAGE_BYTES_MAX,
  UDP_ANSWER_BYTES_MAX,
  UDP_BATCH,
  UPSTREAM_OPTIONS_BYTES_MAX,
  UPSTREAMS_MAX,
  WAITERS_MAX,
} from "../limits.ts";
import { RandomPool } from "../std/random_pool.ts";
import { ECONNREFUSED } from "../sys/errno.ts";
import type { Kernel } from "../sys/kernel.ts";
import { ReceiveBatch } from "../sys/receive_batch.ts";
import { SendBatch } from "../sys/send_batch.ts";
import { Sockets } from "../sys/sockets.ts";
import { Channels } from "../upstream/channels.ts";
import { PendingTable } from "../upstream/pending.ts";
import { NO_UPSTREAM, type Route } from "../upstream/route.ts";
import { TcpChannels } from "../upstream/tcp_channels.ts";
import { UdpChannels } from "../upstream/udp_channels.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { CLASS_IN, NAME_BYTES_MAX, QUESTION_FIXED_BYTES, TYPE_NS } from "../wire/constants.ts";
import { Query } from "../wire/query.ts";
import { Reply } from "../wire/reply.ts";
import { PlanTables } from "./adopt_views.ts";
import { Client } from "./client.ts";
import { Exchanges } from "./exchanges.ts";
import { ListenerTable } from "./listener_table.ts";
import { LoopWatch } from "./loop_watch.ts";
import { QueryBatch } from "./query_batch.ts";
import { ReplyScratch } from "./reply_scratch.ts";
import { REQUEST_BYTES } from "./request.ts";
import { TcpClients } from "./tcp_clients.ts";
import type { View } from "./view.ts";
import type { ViewChoice } from "./view_choice.ts";
import { Waiters } from "./waiters.ts";

/** Kinds of epoll events, in the upper bits of their tag; the number of the thing is below. */
export const TAG_KIND_SHIFT = 24;
export const TAG_UDP_CHANNEL = 1 << TAG_KIND_SHIFT;
export const TAG_TCP_CHANNEL = 2 << TAG_KIND_SHIFT;
export const TAG_TCP_LISTENER = 3 << TAG_KIND_SHIFT;
export const TAG_TCP_CLIENT = 4 << TAG_KIND_SHIFT;
export const TAG_NUMBER_MASK = (1 << TAG_KIND_SHIFT) - 1;

/**
 * Upstream queries are a header, a question and an OPT, 12 + 259 + 11 bytes at most, and options.
 */
const UPSTREAM_QUERY_BYTES = 320 + UPSTREAM_OPTIONS_BYTES_MAX;
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
  /** What this worker says when it is asked who it is, see own_answer.ts. */
  readonly instance: string;
  /** See handoff/config_note.ts. @default none */
  readonly configMemory?: SharedArrayBuffer;
  /** For the names of probes for loops: the same in all workers, and known to nobody else. */
  readonly loopSecret?: string;
  /** Shared by all workers, see handoff/loop_words.ts. Default: shared with nobody. */
  readonly loopWords?: Int32Array;
  /** Leads `descriptor` to an upstream by TLS, see worker_start.ts. Default: nowhere. */
  readonly connectSecure?: ConnectSecure | undefined;
}

export type ConnectSecure = (descriptor: number, upstream: SecureUpstream) => void;

export class Plane {
  readonly kernel: Kernel;
  /** Of which all that follows is made; changed by `adoptPlan`. */
  plan: Plan;
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
  readonly configMemory: SharedArrayBuffer | null;
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
  readonly upstreamBatches: SendBatch[] = [];
  readonly waiters: Waiters;
  readonly pending: PendingTable;
  readonly channels: Channels;
  readonly udpChannels: UdpChannels;
  readonly tcpChannels: TcpChannels;
  readonly tcpClients: TcpClients;
  readonly exchanges: Exchanges;
  readonly loopWatch: LoopWatch;
  /** By number; also those that are in no plan any more, until their number is another's. */
  readonly upstreams: Upstream[] = [];
  /** By number, likewise. */
  readonly routes: Route[] = [];
  /** By id; there are holes. */
  readonly views: View[] = [];
  readonly listeners = new ListenerTable();
  readonly tables = new PlanTables();
  /** Where blocks have conditions; null when none has. */
  viewChoice: ViewChoice | null = null;
  /** The view of each scope. */
  scopeViews = new Int32Array(0);
  /** The upstream whose reply is being handed out; NO_UPSTREAM when it is no upstream's. */
  repliedBy = NO_UPSTREAM;
  /** Where a query for a TCP upstream is written before it goes to the connection's buffer. */
  readonly queryScratch: number;
  /** The question of each upstream's health probe, in the slab. */
  readonly probeOffsets: Int32Array;
  readonly probeLengths: Int32Array;

  /** Who has the answer that waiters are given: ANSWERED_BY_…, see handoff/answerers.ts. */
  answeredBy = ANSWERED_BY_NONE;
  /** Whether what no zone takes is counted. */
  countsDropped = false;

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
    this.configMemory = options.configMemory ?? null;
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
      (upstream) => this.#connectSecure(upstream, options.connectSecure),
    );
    this.tcpClients = new TcpClients(kernel, this.sockets, this.epoll, TAG_TCP_CLIENT, counters);
    this.exchanges = new Exchanges(
      slab.carve(REQUEST_BYTES, 64),
      slab.carve(roundUp(TCP_MESSAGE_BYTES_MAX), 64),
    );
    this.loopWatch = new LoopWatch({
      slab,
      secret: options.loopSecret ?? "",
      words: options.loopWords ?? new Int32Array(new SharedArrayBuffer(LOOP_WORDS * 4)),
    });
    this.queryScratch = slab.carve(UPSTREAM_QUERY_BYTES, 64);
    this.probeOffsets = new Int32Array(UPSTREAMS_MAX).fill(-1);
    this.probeLengths = new Int32Array(UPSTREAMS_MAX);
  }

  /** Cold: per connection by TLS. */
  #connectSecure({ settings }: Upstream, connect: ConnectSecure | undefined): number {
    const { address, port, tls, sourceAddress } = settings;
    const fd = connect === undefined ? -ECONNREFUSED : this.sockets.connectPair();
    if (fd < 0 || tls === null) return fd;
    connect?.(this.sockets.otherEnd, { address, port, tls, sourceAddress });
    return fd;
  }

  /** Cold: at a change. Makes room for upstream `number`, once. */
  reserveUpstream(number: number): void {
    this.upstreamBatches[number] ??= new SendBatch(
      this.kernel,
      UPSTREAM_BATCH,
      UPSTREAM_QUERY_BYTES,
    );
    if (this.probeOffsets[number]! >= 0) return;
    this.probeOffsets[number] = this.kernel.slab.carve(NAME_BYTES_MAX + QUESTION_FIXED_BYTES);
  }

  /** Cold: at a change. The question of the health probes of upstream `number`. */
  writeProbe(number: number): void {
    const name = this.upstreams[number]!.probeName;
    const offset = this.probeOffsets[number]!;
    this.bytes.set(name, offset);
    this.view.setUint16(offset + name.length, TYPE_NS);
    this.view.setUint16(offset + name.length + 2, CLASS_IN);
    this.probeLengths[number] = name.length + QUESTION_FIXED_BYTES;
  }
}

function roundUp(bytes: number): number {
  return (bytes + 63) & ~63;
}

/**
 * What workers count for Prometheus, beside handoff/counters.ts: by scope (scope_numbers.ts) and by
 * upstream. Doubles in shared memory, one area per worker, written by it alone; whoever reads adds
 * the areas up. Rows that nothing was counted in were never touched and cost no memory.
 *
 *   worker   [ scopes: SCOPES_MAX + 1 rows ][ upstreams: UPSTREAM_ROWS rows ][ plugins' counters ]
 *
 *   scope    0     requests, (protocol, family, type)
 *            96    responses, (plugin, RCODE)
 *            576   sizes of requests, of answers: per protocol 15 buckets and a sum
 *            640   times: 17 buckets and a sum
 *            658   DO, and what the cache did
 *
 *   upstream 0     times by RCODE: 17 buckets and a sum each
 *            360   queries, failed health checks, connections reused and made
 *
 * To keep a hit cheap, the bucket that nearly everything falls into is not counted: it is the rest
 * of what is counted anyway (SIZE_BUCKET_USUAL, TIME_BUCKET_USUAL).
 */

import { PLUGIN_COUNTERS_MAX, SCOPES_MAX, UPSTREAM_ROWS } from "../limits.ts";

/** Values of the label `type`; the first stands for all others. As CoreDNS has them. */
export const TYPE_LABELS: readonly string[] = [
  ...["other", "A", "AAAA", "CNAME", "DNSKEY", "DS", "MX", "NSEC3", "NSEC", "NS", "PTR", "RRSIG"],
  ...["SOA", "SRV", "TXT", "HTTPS", "SVCB", "IXFR", "AXFR", "ANY"],
];
const TYPE_NUMBERS: readonly number[] = [
  0, 1, 28, 5, 48, 43, 15, 50, 47, 2, 12, 46, 6, 33, 16, 65, 64, 251, 252, 255,
];
/** Types from here on are `other`. */
export const TYPES_KNOWN = 256;
/** Place of each type in TYPE_LABELS. */
export const TYPE_INDEX = new Uint8Array(new SharedArrayBuffer(TYPES_KNOWN));
for (const [index, type] of TYPE_NUMBERS.entries()) TYPE_INDEX[type] = index;

/** RCODEs from here on are counted together, with this number. */
export const RCODE_OTHER = 19;
export const RCODES = 20;

/** Upper bounds, seconds: 0.00025 · 2^n. */
export const TIME_BOUNDS: readonly number[] = Array.from(
  { length: 16 },
  (_, n) => 0.00025 * 2 ** n,
);
export const TIME_FIRST_SEC = 0.00025;
/** Buckets with +Inf, then the sum in seconds. */
export const TIME_BUCKETS = 17;
export const TIME_DOUBLES = TIME_BUCKETS + 1;
/** Whatever is not in another bucket of a scope is in this one. */
export const TIME_BUCKET_USUAL = 0;
/** Upper bounds, bytes. */
export const SIZE_BOUNDS: readonly number[] = [
  0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000,
];
export const SIZE_BUCKETS = 15;
export const SIZE_DOUBLES = SIZE_BUCKETS + 1;
/** Up to 100 bytes: whatever is in no other. */
export const SIZE_BUCKET_USUAL = 1;
export const SIZE_USUAL_BYTES_MAX = 100;

export const FAMILIES = 2;
export const PROTOCOLS = 2;
const TYPES_ROOM = 24;
const ANSWERERS_ROOM = 24;

/** Of each (protocol, family), TYPES_ROOM types. */
export const SCOPE_REQUESTS = 0;
export const REQUESTS_PER_FAMILY = TYPES_ROOM;
export const REQUESTS_PER_PROTOCOL = FAMILIES * TYPES_ROOM;
/** Of each plugin, RCODES doubles. */
export const SCOPE_RESPONSES = SCOPE_REQUESTS + PROTOCOLS * REQUESTS_PER_PROTOCOL;
export const SCOPE_REQUEST_SIZES = SCOPE_RESPONSES + ANSWERERS_ROOM * RCODES;
export const SCOPE_ANSWER_SIZES = SCOPE_REQUEST_SIZES + PROTOCOLS * SIZE_DOUBLES;
export const SCOPE_TIMES = SCOPE_ANSWER_SIZES + PROTOCOLS * SIZE_DOUBLES;
export const SCOPE_DO = SCOPE_TIMES + TIME_DOUBLES;
export const SCOPE_HITS_SUCCESS = SCOPE_DO + 1;
export const SCOPE_HITS_DENIAL = SCOPE_DO + 2;
export const SCOPE_MISSES = SCOPE_DO + 3;
export const SCOPE_PREFETCHES = SCOPE_DO + 4;
export const SCOPE_SERVED_STALE = SCOPE_DO + 5;
/** Answers that no rule says how to keep. */
export const SCOPE_CACHE_DROPS = SCOPE_DO + 6;
export const SCOPE_DOUBLES = roundUp(SCOPE_DO + 7);

export const UPSTREAM_TIMES = 0;
export const UPSTREAM_QUERIES = UPSTREAM_TIMES + RCODES * TIME_DOUBLES;
export const UPSTREAM_CHECKS_FAILED = UPSTREAM_QUERIES + 1;
/** By protocol: how often a socket was used again, and how often one was made. */
export const UPSTREAM_PROTOCOLS: readonly string[] = ["udp", "tcp", "tcp-tls"];
export const UPSTREAM_REUSED = UPSTREAM_QUERIES + 2;
export const UPSTREAM_OPENED = UPSTREAM_REUSED + UPSTREAM_PROTOCOLS.length;
export const UPSTREAM_DOUBLES = roundUp(UPSTREAM_OPENED + UPSTREAM_PROTOCOLS.length);

const SCOPES_DOUBLES = (SCOPES_MAX + 1) * SCOPE_DOUBLES;
const UPSTREAMS_DOUBLES = UPSTREAM_ROWS * UPSTREAM_DOUBLES;
const PLUGINS_DOUBLES = (SCOPES_MAX + 1) * PLUGIN_COUNTERS_MAX;
const WORKER_BYTES = (SCOPES_DOUBLES + UPSTREAMS_DOUBLES + PLUGINS_DOUBLES) * 8;

/** What one worker writes. */
export interface MetricsRows {
  readonly scopes: Float64Array;
  readonly upstreams: Float64Array;
  /** Of each scope, PLUGIN_COUNTERS_MAX doubles; see plugin_counters.ts. */
  readonly plugins: Float64Array;
}

export function metricsMemory(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * WORKER_BYTES);
}

/** The area of worker `worker`, 0-based. */
export function metricsRows(memory: SharedArrayBuffer, worker: number): MetricsRows {
  const start = worker * WORKER_BYTES;
  const upstreams = start + SCOPES_DOUBLES * 8;
  return {
    scopes: new Float64Array(memory, start, SCOPES_DOUBLES),
    upstreams: new Float64Array(memory, upstreams, UPSTREAMS_DOUBLES),
    plugins: new Float64Array(memory, upstreams + UPSTREAMS_DOUBLES * 8, PLUGINS_DOUBLES),
  };
}

/** Areas of all workers. */
export function allMetricsRows(memory: SharedArrayBuffer): readonly MetricsRows[] {
  const workers = memory.byteLength / WORKER_BYTES;
  return Array.from({ length: workers }, (_, worker) => metricsRows(memory, worker));
}

/** The sum of all workers' doubles `[at, at + count)`. */
export function sumRows(areas: readonly Float64Array[], at: number, count: number): Float64Array {
  const sums = new Float64Array(count);
  for (const area of areas) {
    for (let index = 0; index < count; index++) sums[index]! += area[at + index]!;
  }
  return sums;
}

/** Rows start on their own cache lines. */
function roundUp(doubles: number): number {
  return (doubles + 7) & ~7;
}

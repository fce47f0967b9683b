/** `coredns_dns_*` and `coredns_cache_*`: from the rows that workers count in, by scope. */

import { ANSWERERS } from "../handoff/answerers.ts";
import {
  FAMILIES,
  PROTOCOLS,
  RCODES,
  REQUESTS_PER_FAMILY,
  REQUESTS_PER_PROTOCOL,
  SCOPE_ANSWER_SIZES,
  SCOPE_CACHE_DROPS,
  SCOPE_DO,
  SCOPE_DOUBLES,
  SCOPE_HITS_DENIAL,
  SCOPE_HITS_SUCCESS,
  SCOPE_MISSES,
  SCOPE_PREFETCHES,
  SCOPE_REQUEST_SIZES,
  SCOPE_REQUESTS,
  SCOPE_RESPONSES,
  SCOPE_SERVED_STALE,
  SCOPE_TIMES,
  SIZE_BOUNDS,
  SIZE_BUCKET_USUAL,
  SIZE_BUCKETS,
  SIZE_DOUBLES,
  sumRows,
  TIME_BOUNDS,
  TIME_BUCKET_USUAL,
  TIME_BUCKETS,
  TYPE_LABELS,
} from "../handoff/metrics_memory.ts";
import { rcodeLabel } from "./rcode_label.ts";
import type { Family, LabelValues, MetricType, Sample } from "./registry.ts";
import type { ScopeInfo } from "./scope_catalog.ts";

const PROTOCOL_LABELS: readonly string[] = ["udp", "tcp"];
const FAMILY_LABELS: readonly string[] = ["1", "2"];

/** What is held and was evicted of one view, by class: success, denial. */
export interface CacheCounts {
  readonly entries: readonly [number, number];
  readonly evicted: readonly [number, number];
}

/** A scope and the sum of all workers' rows of it. */
interface Row {
  readonly scope: ScopeInfo;
  readonly row: Float64Array;
}

/**
 * @param areas of all workers, `MetricsRows.scopes`.
 * @param cacheCounts of a view of the plan in force.
 */
export function dnsFamilies(
  areas: readonly Float64Array[],
  scopes: readonly ScopeInfo[],
  cacheCounts: (view: number) => CacheCounts,
): Family[] {
  const rows = scopes.map((scope) => ({
    scope,
    row: sumRows(areas, scope.row * SCOPE_DOUBLES, SCOPE_DOUBLES),
  }));
  const used = rows.filter(({ row }) => requestCount(row) > 0);
  return [...requestFamilies(used), ...answerFamilies(used), ...cacheFamilies(rows, cacheCounts)];
}

function requestFamilies(rows: readonly Row[]): Family[] {
  return [
    {
      name: "coredns_dns_requests_total",
      help: "Counter of DNS requests made per zone, protocol and family.",
      type: "counter",
      samples: rows.flatMap(({ scope, row }) => requestSamples(scope, row)),
    },
    {
      name: "coredns_dns_request_duration_seconds",
      help: "Histogram of the time (in seconds) each request took per zone.",
      type: "histogram",
      bounds: TIME_BOUNDS,
      samples: rows.map(({ scope, row }) => {
        const buckets = row.slice(SCOPE_TIMES, SCOPE_TIMES + TIME_BUCKETS);
        fillUsual(buckets, TIME_BUCKET_USUAL, requestCount(row));
        return { labels: labelsOf(scope), buckets, sum: row[SCOPE_TIMES + TIME_BUCKETS]! };
      }),
    },
    {
      name: "coredns_dns_request_size_bytes",
      help: "Size of the request, by protocol (bytes).",
      type: "histogram",
      bounds: SIZE_BOUNDS,
      samples: rows.flatMap(({ scope, row }) => sizeSamples(scope, row, SCOPE_REQUEST_SIZES)),
    },
    {
      name: "coredns_dns_do_requests_total",
      help: "Counter of DNS requests with DO bit set per zone.",
      type: "counter",
      samples: rows
        .filter(({ row }) => row[SCOPE_DO] !== 0)
        .map(({ scope, row }) => ({ labels: labelsOf(scope), value: row[SCOPE_DO]! })),
    },
  ];
}

function answerFamilies(rows: readonly Row[]): Family[] {
  return [
    {
      name: "coredns_dns_response_size_bytes",
      help: "Size of the returned response in bytes.",
      type: "histogram",
      bounds: SIZE_BOUNDS,
      samples: rows.flatMap(({ scope, row }) => sizeSamples(scope, row, SCOPE_ANSWER_SIZES)),
    },
    {
      name: "coredns_dns_responses_total",
      help: "Counter of response status codes.",
      type: "counter",
      samples: rows.flatMap(({ scope, row }) => responseSamples(scope, row)),
    },
  ];
}

function requestSamples(scope: ScopeInfo, row: Float64Array): Sample[] {
  const samples: Sample[] = [];
  for (let protocol = 0; protocol < PROTOCOLS; protocol++) {
    for (let family = 0; family < FAMILIES; family++) {
      const from = SCOPE_REQUESTS + protocol * REQUESTS_PER_PROTOCOL + family * REQUESTS_PER_FAMILY;
      for (const [index, type] of TYPE_LABELS.entries()) {
        const value = row[from + index]!;
        if (value === 0) continue;
        const proto = PROTOCOL_LABELS[protocol]!;
        const labels = { ...labelsOf(scope), proto, family: FAMILY_LABELS[family]!, type };
        samples.push({ labels, value });
      }
    }
  }
  return samples;
}

function responseSamples(scope: ScopeInfo, row: Float64Array): Sample[] {
  const samples: Sample[] = [];
  for (const [index, plugin] of ANSWERERS.entries()) {
    for (let rcode = 0; rcode < RCODES; rcode++) {
      const value = row[SCOPE_RESPONSES + index * RCODES + rcode]!;
      if (value === 0) continue;
      samples.push({ labels: { ...labelsOf(scope), rcode: rcodeLabel(rcode), plugin }, value });
    }
  }
  return samples;
}

/** Every request has its answer, so both sizes are counted as often. */
function sizeSamples(scope: ScopeInfo, row: Float64Array, sizes: number): Sample[] {
  const samples: Sample[] = [];
  for (let protocol = 0; protocol < PROTOCOLS; protocol++) {
    const count = requestCount(row, protocol, protocol + 1);
    if (count === 0) continue;
    const at = sizes + protocol * SIZE_DOUBLES;
    const buckets = row.slice(at, at + SIZE_BUCKETS);
    fillUsual(buckets, SIZE_BUCKET_USUAL, count);
    const labels = { ...labelsOf(scope), proto: PROTOCOL_LABELS[protocol]! };
    samples.push({ labels, buckets, sum: row[at + SIZE_BUCKETS]! });
  }
  return samples;
}

/** By protocols `[first, end)`. */
function requestCount(row: Float64Array, first = 0, end = PROTOCOLS): number {
  const start = SCOPE_REQUESTS + first * REQUESTS_PER_PROTOCOL;
  let count = 0;
  for (let at = start; at < SCOPE_REQUESTS + end * REQUESTS_PER_PROTOCOL; at++) count += row[at]!;
  return count;
}

/** One worker may be between two counts of an answer; a bucket is never negative. */
function fillUsual(buckets: Float64Array, usual: number, count: number): void {
  buckets[usual] = Math.max(0, count - buckets.reduce((sum, value) => sum + value, 0));
}

function labelsOf({ labels: { server, zone, view } }: ScopeInfo): LabelValues {
  return { server, zone, view };
}

/** What the cache of a server block did, for each server that it is behind. */
interface CacheGroup {
  readonly labels: LabelValues;
  readonly view: number | null;
  readonly row: Float64Array;
}

function cacheFamilies(rows: readonly Row[], cacheCounts: (view: number) => CacheCounts): Family[] {
  const groups = cacheGroups(rows);
  const simple = (name: string, help: string, value: (row: Float64Array) => number): Family => ({
    ...{ name: `coredns_cache_${name}_total`, help, type: "counter" },
    samples: groups.map(({ labels, row }) => ({ labels, value: value(row) })),
  });
  const hits = (row: Float64Array) => row[SCOPE_HITS_SUCCESS]! + row[SCOPE_HITS_DENIAL]!;
  return [
    byClass("coredns_cache_entries", "gauge", "The number of elements in the cache.", {
      groups,
      counts: ({ view }) => (view === null ? [0, 0] : cacheCounts(view).entries),
    }),
    simple("requests", "The count of cache requests.", (row) => hits(row) + row[SCOPE_MISSES]!),
    byClass("coredns_cache_hits_total", "counter", "The count of cache hits.", {
      groups,
      counts: ({ row }) => [row[SCOPE_HITS_SUCCESS]!, row[SCOPE_HITS_DENIAL]!],
    }),
    simple(
      "misses",
      "The count of cache misses. Deprecated, derive misses from cache hits/requests counters.",
      (row) => row[SCOPE_MISSES]!,
    ),
    simple(
      "prefetch",
      "The number of times the cache has prefetched a cached item.",
      (row) => row[SCOPE_PREFETCHES]!,
    ),
    simple(
      "drops",
      "The number responses that are not cached, because the reply is malformed.",
      (row) => row[SCOPE_CACHE_DROPS]!,
    ),
    simple(
      "served_stale",
      "The number of requests served from stale cache entries.",
      (row) => row[SCOPE_SERVED_STALE]!,
    ),
    byClass("coredns_cache_evictions_total", "counter", "The count of cache evictions.", {
      groups: groups.filter(({ view }) => view !== null),
      counts: ({ view }) => (view === null ? [0, 0] : cacheCounts(view).evicted),
    }),
  ];
}

/** Scopes of the same server, cache zones and view have one series: `cache` labels no zone. */
function cacheGroups(rows: readonly Row[]): CacheGroup[] {
  const groups = new Map<string, CacheGroup>();
  for (const { scope, row } of rows) {
    const { server, view } = scope.labels;
    const isUsed = scope.view !== null || requestCount(row) > 0;
    if (scope.cacheZones === null || !isUsed) continue;
    const labels = { server, zones: scope.cacheZones, view };
    const key = Object.values(labels).join(" ");
    const group = groups.get(key);
    groups.set(key, {
      labels,
      view: scope.view ?? group?.view ?? null,
      row: group === undefined ? row : row.map((value, index) => value + group.row[index]!),
    });
  }
  return [...groups.values()];
}

function byClass(
  name: string,
  type: MetricType,
  help: string,
  given: {
    readonly groups: readonly CacheGroup[];
    readonly counts: (group: CacheGroup) => readonly [number, number];
  },
): Family {
  const samples = given.groups.flatMap((group) => {
    const [success, denial] = given.counts(group);
    const { server, zones, view } = group.labels;
    const labels = (kind: string) => ({ server: server!, type: kind, zones: zones!, view: view! });
    return [
      { labels: labels("success"), value: success },
      { labels: labels("denial"), value: denial },
    ];
  });
  return { name, help, type, samples };
}

/** `coredns_proxy_*` and `coredns_forward_*`: from the rows that workers count upstreams in. */

import {
  RCODES,
  sumRows,
  TIME_BOUNDS,
  TIME_BUCKETS,
  TIME_DOUBLES,
  UPSTREAM_CHECKS_FAILED,
  UPSTREAM_DOUBLES,
  UPSTREAM_OPENED,
  UPSTREAM_PROTOCOLS,
  UPSTREAM_QUERIES,
  UPSTREAM_REUSED,
  UPSTREAM_TIMES,
} from "../handoff/metrics_memory.ts";
import type { StableNumbers } from "../handoff/stable_numbers.ts";
import { rcodeLabel } from "./rcode_label.ts";
import type { Family, LabelValues, Sample } from "./registry.ts";

const PROXY = { proxy_name: "forward" };

interface UpstreamRow {
  readonly to: string;
  readonly row: Float64Array;
}

/** @param areas of all workers, `MetricsRows.upstreams`. */
export function forwardFamilies(
  areas: readonly Float64Array[],
  { names, overflow }: StableNumbers,
): Family[] {
  const rows: UpstreamRow[] = names.map((to, number) => ({ to, row: rowOf(areas, number) }));
  const others = rowOf(areas, overflow);
  if (others[UPSTREAM_QUERIES]! > 0) rows.push({ to: "other", row: others });
  return [...proxyFamilies(rows), ...deprecatedFamilies(rows)];
}

function rowOf(areas: readonly Float64Array[], number: number): Float64Array {
  return sumRows(areas, number * UPSTREAM_DOUBLES, UPSTREAM_DOUBLES);
}

function proxyFamilies(rows: readonly UpstreamRow[]): Family[] {
  return [
    {
      name: "coredns_proxy_request_duration_seconds",
      help: "Histogram of the time each request took.",
      type: "histogram",
      bounds: TIME_BOUNDS,
      samples: timeSamples(rows, PROXY),
    },
    {
      name: "coredns_proxy_healthcheck_failures_total",
      help: "Counter of the number of failed healthchecks.",
      type: "counter",
      samples: countSamples(rows, PROXY, UPSTREAM_CHECKS_FAILED),
    },
    {
      name: "coredns_proxy_conn_cache_hits_total",
      help: "Counter of connection cache hits per upstream and protocol.",
      type: "counter",
      samples: protocolSamples(rows, UPSTREAM_REUSED),
    },
    {
      name: "coredns_proxy_conn_cache_misses_total",
      help: "Counter of connection cache misses per upstream and protocol.",
      type: "counter",
      samples: protocolSamples(rows, UPSTREAM_OPENED),
    },
  ];
}

/** CoreDNS has dropped them in favour of those above; dashboards have not. */
function deprecatedFamilies(rows: readonly UpstreamRow[]): Family[] {
  return [
    {
      name: "coredns_forward_requests_total",
      help: "Counter of requests made per upstream.",
      type: "counter",
      samples: countSamples(rows, {}, UPSTREAM_QUERIES),
    },
    {
      name: "coredns_forward_responses_total",
      help: "Counter of responses received per upstream.",
      type: "counter",
      samples: timeSamples(rows, {}).map(({ labels, buckets }) => ({
        labels,
        value: buckets.reduce((sum, value) => sum + value, 0),
      })),
    },
    {
      name: "coredns_forward_request_duration_seconds",
      help: "Histogram of the time each request took.",
      type: "histogram",
      bounds: TIME_BOUNDS,
      samples: timeSamples(rows, {}),
    },
    {
      name: "coredns_forward_healthcheck_failures_total",
      help: "Counter of the number of failed healthchecks.",
      type: "counter",
      samples: countSamples(rows, {}, UPSTREAM_CHECKS_FAILED),
    },
  ];
}

function countSamples(rows: readonly UpstreamRow[], labels: LabelValues, at: number): Sample[] {
  return rows.map(({ to, row }) => ({ labels: { ...labels, to }, value: row[at]! }));
}

function timeSamples(rows: readonly UpstreamRow[], labels: LabelValues) {
  return rows.flatMap(({ to, row }) =>
    Array.from({ length: RCODES }, (_, rcode) => {
      const at = UPSTREAM_TIMES + rcode * TIME_DOUBLES;
      return {
        labels: { ...labels, to, rcode: rcodeLabel(rcode) },
        buckets: row.slice(at, at + TIME_BUCKETS),
        sum: row[at + TIME_BUCKETS]!,
      };
    }).filter(({ buckets }) => buckets.some((count) => count > 0)),
  );
}

/** One for every protocol that was used. */
function protocolSamples(rows: readonly UpstreamRow[], at: number): Sample[] {
  return rows.flatMap(({ to, row }) =>
    UPSTREAM_PROTOCOLS.flatMap((proto, index) =>
      row[UPSTREAM_OPENED + index] === 0
        ? []
        : [{ labels: { ...PROXY, to, proto }, value: row[at + index]! }],
    ),
  );
}

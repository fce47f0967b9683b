/** The dashboard's rows about answering: how much, how fast, from where. */

import type { Row } from "./panel.ts";
import { orZero, ours, plainRate, quantile, rate, series } from "./query.ts";

const REQUESTS = "coredns_dns_requests_total";
const RESPONSES = "coredns_dns_responses_total";
const TIMES = "coredns_dns_request_duration_seconds";
const HITS = "coredns_cache_hits_total";
const ASKED = "coredns_cache_requests_total";
const SERVFAIL = 'rcode="SERVFAIL"';
/** Lines that can be told apart: a cluster has thousands of nodes. */
const FEW = 10;

const hitRatio = (by: string) => `sum by (${by}) (${rate(HITS)}) / sum by (${by}) (${rate(ASKED)})`;

export const GLANCE: Row = {
  title: "At a glance",
  panels: [
    {
      ...{ title: "Queries", kind: "number", unit: "reqps" },
      says: "Queries of clients a second, of all nodes that are chosen.",
      queries: [[`sum(${rate(REQUESTS)})`, "queries"]],
    },
    {
      ...{ title: "Hit ratio", kind: "number", unit: "percentunit", bounds: [0.7, 0.4] },
      says: "The part of the queries to the cache that it answered. The rest is the load of kube-dns.",
      queries: [[`sum(${rate(HITS)}) / sum(${rate(ASKED)})`, "hits"]],
    },
    {
      ...{ title: "SERVFAIL", kind: "number", unit: "percentunit", bounds: [0.01, 0.05] },
      says: "The part of the answers that are failures. NXDOMAIN is none.",
      queries: [
        [`${orZero(`sum(${rate(RESPONSES, SERVFAIL)})`)} / sum(${rate(RESPONSES)})`, "failed"],
      ],
    },
    {
      ...{ title: "99 of 100 answered within", kind: "number", unit: "s", bounds: [0.5, 2] },
      says: "Of all queries, those that upstreams have to answer included.",
      queries: [[quantile(0.99, TIMES), "p99"]],
    },
    {
      ...{ title: "Nodes with nodens", kind: "number" },
      says: "Processes that are scraped.",
      queries: [[`count(${series("nodens_workers")})`, "nodes"]],
    },
    {
      ...{ title: "Nodes that intercept", kind: "number" },
      says:
        "Nodes whose addresses are taken over. Empty where port 9353 is not scraped or nothing is " +
        "intercepted on purpose.",
      queries: [[`count(${series("nodens_intercepting")} == 1)`, "nodes"]],
    },
  ],
};

export const QUERIES: Row = {
  title: "Queries and answers",
  panels: [
    {
      ...{ title: "Queries by type", unit: "reqps", stacked: true },
      says: "Where half are AAAA and nobody has IPv6, filter_aaaa halves them.",
      queries: [[`sum by (type) (${rate(REQUESTS)})`, "{{type}}"]],
    },
    {
      ...{ title: "Answers by code", unit: "reqps", stacked: true },
      says: "Many NXDOMAIN come from search paths: see search_cut and autopath.",
      queries: [[`sum by (rcode) (${rate(RESPONSES)})`, "{{rcode}}"]],
    },
    {
      ...{ title: "Answers by who gave them", unit: "reqps", stacked: true },
      says: "cache, forward, or another plugin; empty where nobody could answer.",
      queries: [[`sum by (plugin) (${rate(RESPONSES)})`, "{{plugin}}"]],
    },
    {
      ...{ title: "Queries by zone", unit: "reqps", stacked: true },
      says: "`dropped` is what no zone took.",
      queries: [[`sum by (zone) (${rate(REQUESTS)})`, "{{zone}}"]],
    },
    {
      ...{ title: "Queries by transport", unit: "reqps", stacked: true },
      says: "Family 1 is IPv4, 2 is IPv6. Much TCP is dear for clients.",
      queries: [[`sum by (proto, family) (${rate(REQUESTS)})`, "{{proto}} {{family}}"]],
    },
    {
      ...{ title: "Busiest nodes", unit: "reqps" },
      says: "The ten nodes with the most queries.",
      queries: [[`topk(${FEW}, sum by ($by) (${rate(REQUESTS)}))`, "__auto"]],
    },
    {
      ...{ title: "Size of queries and answers", unit: "bytes" },
      says: "99 of 100 are below. Answers above 1,232 bytes go by TCP.",
      queries: [
        [quantile(0.99, "coredns_dns_request_size_bytes", "proto"), "queries by {{proto}}"],
        [quantile(0.99, "coredns_dns_response_size_bytes", "proto"), "answers by {{proto}}"],
      ],
    },
    {
      ...{ title: "Queries with the DO bit", unit: "reqps" },
      says: "Of clients that want signatures. Their answers are cached apart.",
      queries: [[orZero(`sum(${rate("coredns_dns_do_requests_total")})`), "DO"]],
    },
    {
      ...{ title: "Answers cut", unit: "reqps" },
      says: "They did not fit what the client takes by UDP; it asks again by TCP.",
      queries: [[`sum(${plainRate("nodens_answers_truncated_total")})`, "cut"]],
    },
  ],
};

export const LATENCY: Row = {
  title: "Latency",
  panels: [
    {
      ...{ title: "Time to answer", unit: "s", width: 6 },
      says: "Hits take less than the first step of the histogram, 0.25 ms.",
      queries: [
        [quantile(0.5, TIMES), "half"],
        [quantile(0.95, TIMES), "95 of 100"],
        [quantile(0.99, TIMES), "99 of 100"],
      ],
    },
    {
      ...{ title: "99 of 100, by zone", unit: "s", width: 6 },
      says: "Shows which upstreams are slow: the cluster's, or those outside.",
      queries: [[quantile(0.99, TIMES, "zone"), "{{zone}}"]],
    },
    {
      ...{ title: "99 of 100, slowest nodes", unit: "s", width: 6 },
      says: "The ten slowest. One alone has a problem of its own network; all have one of upstreams.",
      queries: [[`topk(${FEW}, ${quantile(0.99, TIMES, "$by")})`, "__auto"]],
    },
    {
      ...{ title: "Answered within a millisecond", unit: "percentunit", width: 6 },
      says: "The part of the queries that waited for nobody.",
      queries: [
        [
          `sum(${rate(`${TIMES}_bucket`, 'le="0.001"')}) / sum(${rate(`${TIMES}_count`)})`,
          "within 1 ms",
        ],
      ],
    },
  ],
};

export const CACHE: Row = {
  title: "Cache",
  panels: [
    {
      ...{ title: "Hit ratio by zones", unit: "percentunit" },
      says: "Names of the cluster are asked for again and again: below 0.8 is unusual on a busy node.",
      queries: [[hitRatio("zones"), "{{zones}}"]],
    },
    {
      ...{ title: "What the cache did", unit: "reqps" },
      says: "Stale answers are given while upstreams fail: serve_stale.",
      queries: [
        [`sum by (type) (${rate(HITS)})`, "hits, {{type}}"],
        [`sum(${rate("coredns_cache_misses_total")})`, "misses"],
        [`sum(${rate("coredns_cache_prefetch_total")})`, "refreshed ahead"],
        [`sum(${rate("coredns_cache_served_stale_total")})`, "stale"],
        [`sum(${rate("coredns_cache_drops_total")})`, "not kept"],
      ],
    },
    {
      ...{ title: "Lowest hit ratios", unit: "percentunit" },
      says: "The ten nodes whose cache helps least.",
      queries: [[`bottomk(${FEW}, ${hitRatio("$by")})`, "__auto"]],
    },
    {
      ...{ title: "Answers held, by type", stacked: true },
      says: "Of all nodes together. A block with several addresses counts for each of them.",
      queries: [[`sum by (type) (${ours("coredns_cache_entries")})`, "{{type}}"]],
    },
    {
      ...{ title: "Evicted while good", unit: "reqps" },
      says: "For want of room: raise -memory, or the capacities of cache.",
      queries: [[`sum by (type) (${rate("coredns_cache_evictions_total")})`, "{{type}}"]],
    },
    {
      ...{ title: "Memory of the cache, fullest nodes", unit: "percentunit" },
      says: "What entries take of the budget of -memory. Full is no harm by itself.",
      queries: [
        [
          `topk(${FEW}, max by ($by) (${series("nodens_memory_used_bytes")} / ` +
            `${series("nodens_memory_budget_bytes")}))`,
          "__auto",
        ],
      ],
    },
  ],
};

export const UPSTREAMS: Row = {
  title: "Upstreams",
  panels: [
    {
      ...{ title: "Queries sent", unit: "reqps" },
      says: "What this cache costs those behind it.",
      queries: [[`sum by (to) (${rate("coredns_forward_requests_total")})`, "{{to}}"]],
    },
    {
      ...{ title: "Time to reply, 99 of 100", unit: "s" },
      says: "By upstream. The rest of what clients wait for is ours.",
      queries: [[quantile(0.99, "coredns_proxy_request_duration_seconds", "to"), "{{to}}"]],
    },
    {
      ...{ title: "Replies by code", unit: "reqps", stacked: true },
      says: "SERVFAIL and REFUSED here are the upstream's own.",
      queries: [
        [
          `sum by (to, rcode) (${rate("coredns_proxy_request_duration_seconds_count")})`,
          "{{to}} {{rcode}}",
        ],
      ],
    },
    {
      ...{ title: "Lost", unit: "reqps" },
      says:
        "Attempts without an answer, checks that failed, and questions for which no upstream was up. " +
        "All should be near 0.",
      queries: [
        [`sum(${plainRate("nodens_upstream_timeouts_total")})`, "no answer in time"],
        [
          `sum by (to) (${rate("coredns_proxy_healthcheck_failures_total")})`,
          "check failed, {{to}}",
        ],
        [`sum(${rate("coredns_forward_healthcheck_broken_total")})`, "none is up"],
      ],
    },
    {
      ...{ title: "Nodes that lose most", unit: "reqps" },
      says: "The ten nodes with the most attempts without an answer.",
      queries: [
        [`topk(${FEW}, sum by ($by) (${plainRate("nodens_upstream_timeouts_total")}))`, "__auto"],
      ],
    },
    {
      ...{ title: "Joined, strangers, loops", unit: "reqps" },
      says:
        "Queries that joined one on its way are work saved. Messages that fit no question may be forged. " +
        "A loop is a mistake in the configuration.",
      queries: [
        [`sum(${plainRate("nodens_joined_total")})`, "joined"],
        [`sum(${plainRate("nodens_upstream_strangers_total")})`, "fit no question"],
        [`sum(${plainRate("nodens_loops_found_total")})`, "loops"],
      ],
    },
  ],
};

export const CONNECTIONS: Row = {
  title: "Connections to upstreams: UDP, TCP, TLS",
  panels: [
    {
      ...{ title: "New sockets and connections", unit: "cps" },
      says:
        "tcp-tls is DNS over TLS. A connection lives for a minute, so that a rate which rises with the load " +
        "means that upstreams close theirs.",
      queries: [
        [
          `sum by (to, proto) (${rate("coredns_proxy_conn_cache_misses_total")})`,
          "{{to}} {{proto}}",
        ],
      ],
    },
    {
      ...{ title: "Queries by sockets in use", unit: "reqps" },
      says: "They need no handshake.",
      queries: [
        [`sum by (to, proto) (${rate("coredns_proxy_conn_cache_hits_total")})`, "{{to}} {{proto}}"],
      ],
    },
    {
      ...{ title: "Reused", unit: "percentunit" },
      says: "Of all queries by a protocol. Low for TLS is dear for both ends.",
      queries: [
        [
          `sum by (proto) (${rate("coredns_proxy_conn_cache_hits_total")}) / (` +
            `sum by (proto) (${rate("coredns_proxy_conn_cache_hits_total")}) + ` +
            `sum by (proto) (${rate("coredns_proxy_conn_cache_misses_total")}))`,
          "{{proto}}",
        ],
      ],
    },
  ],
};

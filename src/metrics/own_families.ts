/** What CoreDNS has no names for, and what it has for the process as a whole. */

import type { CounterName } from "../handoff/counters.ts";
import type { Family, LabelValues, MetricType, Sample } from "./registry.ts";
import type { ScopeInfo } from "./scope_catalog.ts";

export interface BuildInfo {
  readonly version: string;
  readonly runtime: string;
}

/** What is known of reloads, kept by whoever does them. */
export interface ReloadState {
  /** Configurations that could not be used. */
  failedCount: number;
  /** SHA-512 of the configuration in force, hexadecimal; empty while it is not known. */
  hash: string;
}

/** Counters of all workers together. */
export type CounterSums = Readonly<Record<CounterName, number>>;

const SHED_REASONS: readonly (readonly [CounterName, string])[] = [
  ["shedPending", "questions"],
  ["shedWaiters", "clients"],
  ["shedConcurrent", "max_concurrent"],
  ["shedExchanges", "plugin_questions"],
  ["tcpRefused", "tcp_connections"],
  ["dropSend", "send_buffer"],
];

const IN_FLIGHT: readonly (readonly [CounterName, string])[] = [
  ["pending", "questions"],
  ["waiters", "clients"],
  ["tcpOpen", "tcp_connections"],
];

export function buildFamilies({ version, runtime }: BuildInfo): Family[] {
  const labels = { version, revision: "", goversion: runtime };
  const help = "A metric with a constant '1' value labeled by version and runtime.";
  return [family("coredns_build_info", "gauge", help, [{ labels, value: 1 }])];
}

export function pluginEnabledFamily(scopes: readonly ScopeInfo[]): Family {
  const samples = scopes.flatMap(({ labels, plugins }) =>
    plugins.includes("prometheus")
      ? plugins.map((name) => ({ labels: { ...labels, name }, value: 1 }))
      : [],
  );
  const help = "A metric that indicates whether a plugin is enabled on per server and zone basis.";
  return family("coredns_plugin_enabled", "gauge", help, samples);
}

export function reloadFamilies({ failedCount, hash }: ReloadState): Family[] {
  const failed = "Counter of the number of failed reload attempts.";
  const info = "A metric with a constant '1' value labeled by hash, and value which type of hash.";
  return [
    single("coredns_reload_failed_total", "counter", failed, failedCount),
    family(
      "coredns_reload_version_info",
      "gauge",
      info,
      hash === "" ? [] : [{ labels: { hash: "sha512", value: hash }, value: 1 }],
    ),
  ];
}

/** From the counters that are kept for the whole process. */
export function counterFamilies(sums: CounterSums): Family[] {
  const total = (name: string, help: string, value: number) => single(name, "counter", help, value);
  return [
    total("coredns_panics_total", "A metrics that counts the number of panics.", sums.panics),
    total(
      "coredns_forward_healthcheck_broken_total",
      "Counter of the number of complete failures of the healthchecks.",
      sums.upstreamsAllDown,
    ),
    total(
      "coredns_forward_max_concurrent_rejects_total",
      "Counter of the number of queries rejected because the concurrent queries were at maximum.",
      sums.shedConcurrent,
    ),
    labelled("nodens_shed_total", "counter", "What was turned away for want of room.", {
      label: "reason",
      series: SHED_REASONS.map(([name, reason]) => [reason, sums[name]]),
    }),
    labelled("nodens_in_flight", "gauge", "What waits at this moment.", {
      label: "kind",
      series: IN_FLIGHT.map(([name, kind]) => [kind, sums[name]]),
    }),
    total("nodens_loops_found_total", "Forwarding loops that were found.", sums.loopsFound),
    total("nodens_joined_total", "Queries that joined a question on its way.", sums.joined),
    total(
      "nodens_answers_truncated_total",
      "Answers that were cut to the size that the client takes.",
      sums.answersTruncated,
    ),
    total(
      "nodens_upstream_strangers_total",
      "Messages of upstreams that fit no question, as forged ones would.",
      sums.upstreamStrangers,
    ),
    total(
      "nodens_upstream_timeouts_total",
      "Attempts that were not answered in time.",
      sums.upstreamTimeouts,
    ),
  ];
}

export function memoryFamilies(budgetBytes: number, usedBytes: number): Family[] {
  const used = "Bytes of the budget that entries take.";
  return [
    single("nodens_memory_budget_bytes", "gauge", "Bytes that the cache may take.", budgetBytes),
    single("nodens_memory_used_bytes", "gauge", used, usedBytes),
  ];
}

export function workerFamilies(
  workers: readonly { readonly number: number; readonly heartbeatAgeMs: number }[],
): Family[] {
  const age = "Since a worker last went round its loop; below 0.2 unless it hangs.";
  return [
    single("nodens_workers", "gauge", "Workers that serve.", workers.length),
    labelled("nodens_worker_heartbeat_age_seconds", "gauge", age, {
      label: "worker",
      series: workers.map(({ number, heartbeatAgeMs }) => [
        String(number),
        Math.max(0, heartbeatAgeMs) / 1000,
      ]),
    }),
  ];
}

function family(name: string, type: MetricType, help: string, samples: readonly Sample[]): Family {
  return { name, help, type, samples };
}

function single(name: string, type: MetricType, help: string, value: number): Family {
  return family(name, type, help, [{ labels: {}, value }]);
}

function labelled(
  name: string,
  type: MetricType,
  help: string,
  given: { readonly label: string; readonly series: readonly (readonly [string, number])[] },
): Family {
  const samples = given.series.map(([value, count]) => {
    const labels: LabelValues = { [given.label]: value };
    return { labels, value: count };
  });
  return family(name, type, help, samples);
}

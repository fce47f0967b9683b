/**
 * For each alert: series for which it is raised, with the labels and the text that people then see,
 * and series for which it is not. The notation is promtool's: `0+60x30` begins with 0 and rises by
 * 60 a minute, 30 times; `_` is a scrape without the series.
 */

import { NETWORK_CASES } from "./alert_cases_network.ts";

export type Series = Readonly<Record<string, string>>;

export interface AlertCase {
  readonly alert: string;
  readonly raised: {
    readonly atMin: number;
    readonly series: Series;
    readonly labels: Readonly<Record<string, string>>;
    readonly summary: string;
  };
  /** Each is looked at at `atMin` of the other. */
  readonly silent: readonly { readonly why: string; readonly series: Series }[];
}

const A = 'job="n",instance="a:9253"';
const B = 'job="n",instance="b:9253"';
const WORKERS = `nodens_workers{${A}}`;
const IS_NODENS: Series = { [WORKERS]: "1x400" };
const LABELS = { job: "n", instance: "a:9253" };
/** Two zones, of whom 100 queries a second come in. */
const asked = (perMin: string): Series => ({
  [`coredns_dns_requests_total{${A},server="s",zone=".",view="",proto="udp",family="1",type="A"}`]:
    perMin,
});
const answered = (rcode: string, perMin: string, at = A): Series => ({
  [`coredns_dns_responses_total{${at},server="s",zone=".",view="",rcode="${rcode}",plugin="p"}`]:
    perMin,
});
const took = (le: string, perMin: string): Series => ({
  [`coredns_dns_request_duration_seconds_bucket{${A},server="s",zone=".",view="",le="${le}"}`]:
    perMin,
});
const cacheAsked = (hits: string, all: string): Series => ({
  [`coredns_cache_hits_total{${A},server="s",zones=".",view="",type="success"}`]: hits,
  [`coredns_cache_requests_total{${A},server="s",zones=".",view=""}`]: all,
});
const evicted = (perMin: string): Series => ({
  [`coredns_cache_evictions_total{${A},server="s",zones=".",view="",type="success"}`]: perMin,
});
const MEMORY_BUDGET: Series = { [`nodens_memory_budget_bytes{${A}}`]: "67108864x60" };

const SERVICE_CASES: readonly AlertCase[] = [
  {
    alert: "NodensServfail",
    raised: {
      atMin: 20,
      series: {
        ...IS_NODENS,
        ...answered("NOERROR", "0+540x30"),
        ...answered("SERVFAIL", "0+60x30"),
      },
      labels: LABELS,
      summary: "10% of the answers at a:9253 are SERVFAIL",
    },
    silent: [
      {
        why: "one of a hundred",
        series: {
          ...{ ...IS_NODENS, ...answered("NOERROR", "0+594x30") },
          ...answered("SERVFAIL", "0+6x30"),
        },
      },
      {
        why: "hardly anybody asks",
        series: { ...IS_NODENS, ...answered("SERVFAIL", "0+6x30") },
      },
      { why: "it is CoreDNS", series: answered("SERVFAIL", "0+600x30") },
    ],
  },
  {
    alert: "NodensServfailEverywhere",
    raised: {
      atMin: 15,
      series: {
        ...{ ...IS_NODENS, [`nodens_workers{${B}}`]: "1x60" },
        ...{ ...answered("SERVFAIL", "0+60x30"), ...answered("NOERROR", "0+60x30") },
        ...answered("NOERROR", "0+120x30", B),
      },
      labels: { job: "n" },
      summary: "25% of all answers of n are SERVFAIL",
    },
    silent: [
      {
        why: "one of many nodes",
        series: {
          ...{ ...IS_NODENS, [`nodens_workers{${B}}`]: "1x60" },
          ...{ ...answered("SERVFAIL", "0+60x30"), ...answered("NOERROR", "0+6000x30", B) },
        },
      },
      { why: "there is one node", series: { ...IS_NODENS, ...answered("SERVFAIL", "0+60x30") } },
    ],
  },
  {
    alert: "NodensSlow",
    raised: {
      atMin: 30,
      series: {
        ...{ ...IS_NODENS, ...asked("0+600x40"), ...took("1.024", "0+500x40") },
        ...{ ...took("2.048", "0+600x40"), ...took("+Inf", "0+600x40") },
      },
      labels: LABELS,
      summary: "One of a hundred queries at a:9253 takes 1.987s",
    },
    silent: [
      {
        why: "nearly all are fast",
        series: {
          ...{ ...IS_NODENS, ...asked("0+600x40"), ...took("0.00025", "0+598x40") },
          ...{ ...took("2.048", "0+600x40"), ...took("+Inf", "0+600x40") },
        },
      },
      {
        why: "hardly anybody asks",
        series: {
          ...{ ...IS_NODENS, ...asked("0+6x40"), ...took("1.024", "0+0x40") },
          ...{ ...took("2.048", "0+6x40"), ...took("+Inf", "0+6x40") },
        },
      },
    ],
  },
  {
    alert: "NodensLowHitRatio",
    raised: {
      atMin: 80,
      series: { ...IS_NODENS, ...asked("0+6000x90"), ...cacheAsked("0+1500x90", "0+6000x90") },
      labels: LABELS,
      summary: "The cache answers only 25% at a:9253",
    },
    silent: [
      {
        why: "it answers most",
        series: { ...IS_NODENS, ...asked("0+6000x90"), ...cacheAsked("0+5400x90", "0+6000x90") },
      },
      {
        why: "hardly anybody asks",
        series: { ...IS_NODENS, ...asked("0+60x90"), ...cacheAsked("0+0x90", "0+60x90") },
      },
    ],
  },
  {
    alert: "NodensCacheTooSmall",
    raised: {
      atMin: 100,
      series: { ...IS_NODENS, ...evicted("0+120x120") },
      labels: LABELS,
      summary: "nodens at a:9253 evicts 2 good answers a second",
    },
    silent: [
      { why: "few are evicted", series: { ...IS_NODENS, ...evicted("0+6x120") } },
      { why: "it is CoreDNS", series: evicted("0+120x120") },
    ],
  },
  {
    alert: "NodensTurnsQueriesAway",
    raised: {
      atMin: 12,
      series: { [`nodens_shed_total{${A},reason="questions"}`]: "0 0 5+5x20" },
      labels: { ...LABELS, reason: "questions" },
      summary: "nodens at a:9253 turns queries away: questions",
    },
    silent: [
      { why: "long ago", series: { [`nodens_shed_total{${A},reason="questions"}`]: "50x40" } },
    ],
  },
  {
    alert: "NodensMemoryNearLimit",
    raised: {
      atMin: 20,
      series: { ...MEMORY_BUDGET, [`process_resident_memory_bytes{${A}}`]: "192937984x60" },
      labels: LABELS,
      summary: "nodens at a:9253 takes 120MiB beside its cache",
    },
    silent: [
      {
        why: "the cache is full and nothing else",
        series: { ...MEMORY_BUDGET, [`process_resident_memory_bytes{${A}}`]: "130000000x60" },
      },
      {
        why: "it is another program",
        series: { [`process_resident_memory_bytes{${A}}`]: "1e9x60" },
      },
    ],
  },
  {
    alert: "NodensFileDescriptorsRunOut",
    raised: {
      atMin: 15,
      series: {
        ...{ ...IS_NODENS, [`process_open_fds{${A}}`]: "900x30" },
        [`process_max_fds{${A}}`]: "1000x30",
      },
      labels: LABELS,
      summary: "nodens at a:9253 uses 90% of its descriptors",
    },
    silent: [
      {
        why: "there are more",
        series: {
          ...{ ...IS_NODENS, [`process_open_fds{${A}}`]: "900x30" },
          [`process_max_fds{${A}}`]: "65536x30",
        },
      },
    ],
  },
  {
    alert: "NodensPanics",
    raised: {
      atMin: 10,
      series: { ...IS_NODENS, [`coredns_panics_total{${A}}`]: "0 0 1x30" },
      labels: LABELS,
      summary: "A plugin of nodens at a:9253 fails",
    },
    silent: [
      { why: "none", series: { ...IS_NODENS, [`coredns_panics_total{${A}}`]: "0x30" } },
      { why: "it is CoreDNS", series: { [`coredns_panics_total{${A}}`]: "0 0 1x30" } },
    ],
  },
  {
    alert: "NodensConfigurationRefused",
    raised: {
      atMin: 60,
      series: { ...IS_NODENS, [`coredns_reload_failed_total{${A}}`]: "0x5 1x100" },
      labels: LABELS,
      summary: "nodens at a:9253 has refused a change of its configuration",
    },
    silent: [
      {
        why: "none was refused",
        series: { ...IS_NODENS, [`coredns_reload_failed_total{${A}}`]: "0x100" },
      },
      {
        why: "it is CoreDNS",
        series: { [`coredns_reload_failed_total{${A}}`]: "0x5 1x100" },
      },
    ],
  },
  {
    alert: "NodensConfigurationsDiffer",
    raised: {
      atMin: 70,
      series: {
        ...{ ...IS_NODENS, [`nodens_workers{${B}}`]: "1x90" },
        [`coredns_reload_version_info{${A},hash="sha512",value="1"}`]: "1x90",
        [`coredns_reload_version_info{${B},hash="sha512",value="2"}`]: "1x90",
      },
      labels: { job: "n" },
      summary: "Nodes of n run 2 different configurations",
    },
    silent: [
      {
        why: "they are the same; CoreDNS has another one",
        series: {
          ...{ ...IS_NODENS, [`nodens_workers{${B}}`]: "1x90" },
          [`coredns_reload_version_info{${A},hash="sha512",value="1"}`]: "1x90",
          [`coredns_reload_version_info{${B},hash="sha512",value="1"}`]: "1x90",
          ['coredns_reload_version_info{job="n",instance="c:9153",hash="sha512",value="2"}']:
            "1x90",
        },
      },
    ],
  },
];

export const ALERT_CASES: readonly AlertCase[] = [...SERVICE_CASES, ...NETWORK_CASES];

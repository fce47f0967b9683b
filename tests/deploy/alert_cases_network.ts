/** Cases of the alerts on nodes, interception and upstreams; see alert_cases.ts. */

import type { AlertCase, Series } from "./alert_cases.ts";

const A = 'job="n",instance="a:9253"';
const LABELS = { job: "n", instance: "a:9253" };
const A_INTERCEPTION = 'job="n",instance="a:9353"';
const LABELS_INTERCEPTION = { job: "n", instance: "a:9353" };
const IS_NODENS: Series = { [`nodens_workers{${A}}`]: "1x400" };
const STARTED = `process_start_time_seconds{${A}}`;
const LOOPS = `nodens_loops_found_total{${A}}`;
const FAILED_SETUP = (type: string) =>
  `coredns_nodecache_setup_errors_total{${A_INTERCEPTION},errortype="${type}"}`;
const CHANGED = (change: string) =>
  `nodens_interception_changes_total{${A_INTERCEPTION},change="${change}"}`;

/** One metric on each of ten nodes: the first `count` have one value, the others another. */
function onTenNodes(name: string, count: number, values: readonly [string, string]): Series {
  const all = Array.from({ length: 10 }, (_, index) => [
    `${name}{job="n",instance="${index}:9253"}`,
    values[index < count ? 0 : 1],
  ]);
  return Object.fromEntries(all) as Series;
}

const GONE = "1x10 _x60";
const THERE = "1x70";

export const NETWORK_CASES: readonly AlertCase[] = [
  {
    alert: "NodensDown",
    raised: {
      atMin: 25,
      series: { [`up{${A}}`]: "1x10 0x60", [`nodens_workers{${A}}`]: GONE },
      labels: LABELS,
      summary: "nodens cannot be scraped at a:9253",
    },
    silent: [
      { why: "it is up", series: { [`up{${A}}`]: "1x60", [`nodens_workers{${A}}`]: THERE } },
      { why: "the node is gone", series: { [`up{${A}}`]: GONE, [`nodens_workers{${A}}`]: GONE } },
      { why: "it was no nodens", series: { [`up{${A}}`]: "1x10 0x60" } },
    ],
  },
  {
    alert: "NodensDownOnManyNodes",
    raised: {
      atMin: 20,
      series: {
        ...onTenNodes("up", 3, ["1x10 0x60", "1x70"]),
        ...onTenNodes("nodens_workers", 3, [GONE, THERE]),
      },
      labels: { job: "n" },
      summary: "30% of the nodes of n have no nodens",
    },
    silent: [
      {
        why: "it is one node",
        series: {
          ...onTenNodes("up", 1, ["1x10 0x60", "1x70"]),
          ...onTenNodes("nodens_workers", 1, [GONE, THERE]),
        },
      },
      {
        why: "there is one node, and it is down",
        series: { [`up{${A}}`]: "1x10 0x60", [`nodens_workers{${A}}`]: GONE },
      },
    ],
  },
  {
    alert: "NodensRestarts",
    raised: {
      atMin: 30,
      series: { ...IS_NODENS, [STARTED]: "100 100 200 200 300 300 400 400 500x60" },
      labels: LABELS,
      summary: "nodens at a:9253 was started 4 times within an hour",
    },
    silent: [
      { why: "it was updated", series: { ...IS_NODENS, [STARTED]: "100 100 200x60" } },
      { why: "it is no nodens", series: { [STARTED]: "100 200 300 400 500x60" } },
    ],
  },
  {
    alert: "NodensWorkerHangs",
    raised: {
      atMin: 10,
      series: { [`nodens_worker_heartbeat_age_seconds{${A},worker="1"}`]: "0x3 60+60x20" },
      labels: { ...LABELS, worker: "1" },
      summary: "Worker 1 of nodens at a:9253 hangs",
    },
    silent: [
      {
        why: "it was replaced",
        series: { [`nodens_worker_heartbeat_age_seconds{${A},worker="1"}`]: "0x3 6 0x20" },
      },
    ],
  },
  {
    alert: "NodensNotIntercepting",
    raised: {
      atMin: 15,
      series: { [`nodens_intercepting{${A_INTERCEPTION}}`]: "0x30" },
      labels: LABELS_INTERCEPTION,
      summary: "nodens at a:9353 runs and does not intercept",
    },
    silent: [
      { why: "it does", series: { [`nodens_intercepting{${A_INTERCEPTION}}`]: "1x30" } },
      {
        why: "it did again soon",
        series: { [`nodens_intercepting{${A_INTERCEPTION}}`]: "1x5 0x5 1x30" },
      },
    ],
  },
  {
    alert: "NodensNotInterceptingOnManyNodes",
    raised: {
      atMin: 10,
      series: onTenNodes("nodens_intercepting", 2, ["0x30", "1x30"]),
      labels: { job: "n" },
      summary: "20% of the nodes of n do not intercept",
    },
    silent: [
      { why: "one does not", series: onTenNodes("nodens_intercepting", 1, ["0x30", "1x30"]) },
      { why: "all do", series: onTenNodes("nodens_intercepting", 0, ["0x30", "1x30"]) },
    ],
  },
  {
    alert: "NodensAddressesComeAndGo",
    raised: {
      atMin: 20,
      series: { [CHANGED("dropped")]: "0+1x60" },
      labels: { ...LABELS_INTERCEPTION, change: "dropped" },
      summary: "nodens at a:9353 gave its addresses back 20 times",
    },
    silent: [
      { why: "once", series: { [CHANGED("dropped")]: "0x5 1x60" } },
      { why: "it has taken them", series: { [CHANGED("taken")]: "0+1x60" } },
    ],
  },
  {
    alert: "NodensRulesRemovedByOthers",
    raised: {
      atMin: 40,
      series: { [CHANGED("mended")]: "0+1x60" },
      labels: { ...LABELS_INTERCEPTION, change: "mended" },
      summary: "Others remove rules or addresses of nodens at a:9353",
    },
    silent: [{ why: "now and then", series: { [CHANGED("mended")]: "0x5 1x10 2x60" } }],
  },
  {
    alert: "NodensSetupErrors",
    raised: {
      atMin: 20,
      series: {
        ...{ [`nodens_intercepting{${A_INTERCEPTION}}`]: "1x60" },
        [FAILED_SETUP("iptables_lock")]: "0+1x60",
      },
      labels: { ...LABELS_INTERCEPTION, errortype: "iptables_lock" },
      summary: "nodens at a:9353 cannot set up the network (iptables_lock)",
    },
    silent: [
      {
        why: "it went well the next time",
        series: {
          ...{ [`nodens_intercepting{${A_INTERCEPTION}}`]: "1x60" },
          [FAILED_SETUP("iptables_lock")]: "0x5 1x60",
        },
      },
      { why: "it is node-cache", series: { [FAILED_SETUP("iptables_lock")]: "0+1x60" } },
      {
        why: "there is another alert for it",
        series: {
          ...{ [`nodens_intercepting{${A_INTERCEPTION}}`]: "1x60" },
          [FAILED_SETUP("configmap")]: "0+1x60",
        },
      },
    ],
  },
  {
    alert: "NodensLeaseIsNone",
    raised: {
      atMin: 20,
      series: { [`nodens_lease_info{${A_INTERCEPTION},kind="none"}`]: "1x60" },
      labels: { ...LABELS_INTERCEPTION, kind: "none" },
      summary: "The node at a:9353 has no DNS when nodens is killed",
    },
    silent: [
      {
        why: "it has a good one",
        series: { [`nodens_lease_info{${A_INTERCEPTION},kind="tun"}`]: "1x60" },
      },
    ],
  },
  {
    alert: "NodensUpstreamsDown",
    raised: {
      atMin: 15,
      series: {
        ...{ ...IS_NODENS, [`coredns_forward_healthcheck_broken_total{${A}}`]: "0x3 0+9x60" },
      },
      labels: LABELS,
      summary: "nodens at a:9253 knows no upstream that is up",
    },
    silent: [
      {
        why: "it was over soon",
        series: { ...IS_NODENS, [`coredns_forward_healthcheck_broken_total{${A}}`]: "0x3 9x60" },
      },
      {
        why: "it is CoreDNS",
        series: { [`coredns_forward_healthcheck_broken_total{${A}}`]: "0+9x60" },
      },
    ],
  },
  {
    alert: "NodensUpstreamTimeouts",
    raised: {
      atMin: 40,
      series: {
        ...{ [`nodens_upstream_timeouts_total{${A}}`]: "0+60x60" },
        [`coredns_forward_requests_total{${A},to="192.0.2.1:53"}`]: "0+300x60",
        [`coredns_forward_requests_total{${A},to="192.0.2.2:53"}`]: "0+300x60",
      },
      labels: LABELS,
      summary: "10% of the queries sent at a:9253 are lost",
    },
    silent: [
      {
        why: "one of a hundred",
        series: {
          ...{ [`nodens_upstream_timeouts_total{${A}}`]: "0+6x60" },
          [`coredns_forward_requests_total{${A},to="192.0.2.1:53"}`]: "0+600x60",
        },
      },
      {
        why: "hardly anything is sent",
        series: {
          ...{ [`nodens_upstream_timeouts_total{${A}}`]: "0+3x60" },
          [`coredns_forward_requests_total{${A},to="192.0.2.1:53"}`]: "0+6x60",
        },
      },
    ],
  },
  {
    alert: "NodensLoop",
    raised: {
      atMin: 5,
      // Found before the first scrape. Time begins with 0 here.
      series: { [LOOPS]: "1x60", [STARTED]: "0x60" },
      labels: LABELS,
      summary: "An upstream of nodens at a:9253 leads back to it",
    },
    silent: [
      { why: "none", series: { [LOOPS]: "0x60", [STARTED]: "0x60" } },
      { why: "long ago", series: { [LOOPS]: "1x60", [STARTED]: "-9000x60" } },
    ],
  },
  {
    alert: "NodensForgedReplies",
    raised: {
      atMin: 20,
      series: { [`nodens_upstream_strangers_total{${A}}`]: "0+600x60" },
      labels: LABELS,
      summary: "nodens at a:9253 gets 10 replies a second that fit no question",
    },
    silent: [
      {
        why: "some come too late",
        series: { [`nodens_upstream_strangers_total{${A}}`]: "0+60x60" },
      },
    ],
  },
];

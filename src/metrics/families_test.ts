import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePlan } from "../config/compile.ts";
import { requireConfig } from "../config/load.ts";
import { memorySource } from "../config/source.ts";
import {
  SCOPE_DOUBLES,
  SCOPE_HITS_SUCCESS,
  SCOPE_REQUESTS,
  UPSTREAM_DOUBLES,
  UPSTREAM_QUERIES,
} from "../handoff/metrics_memory.ts";
import { PlanNumbers } from "../handoff/plan_numbers.ts";
import type { PluginCounterDeclaration } from "../handoff/plugin_counters.ts";
import { StableNumbers } from "../handoff/stable_numbers.ts";
import { PLUGIN_COUNTERS_MAX, SCOPES_MAX } from "../limits.ts";
import { dnsFamilies } from "./dns_families.ts";
import { forwardFamilies } from "./forward_families.ts";
import { pluginEnabledFamily, reloadFamilies } from "./own_families.ts";
import { pluginFamilies } from "./plugin_families.ts";
import { processFamilies } from "./process_families.ts";
import { rcodeLabel } from "./rcode_label.ts";
import { type Family, familyText } from "./registry.ts";
import { ScopeCatalog } from "./scope_catalog.ts";

const NO_COUNTS = () => ({ entries: [0, 0], evicted: [0, 0] }) as const;

function catalogOf(...texts: string[]) {
  const rows = new PlanNumbers();
  const catalog = new ScopeCatalog(rows.scopes);
  for (const text of texts) {
    const source = memorySource({ Corefile: text });
    const { config } = requireConfig({ confFile: null, source });
    catalog.apply(config, compilePlan(config, 1, { rows }));
  }
  return { catalog, rows };
}

function lines(families: readonly Family[], pattern: RegExp): string[] {
  const text = families.map(familyText).join("");
  return text.split("\n").filter((line) => pattern.test(line));
}

test("dnsFamilies() adds workers up, and zones of a block for the cache", () => {
  const { catalog } = catalogOf("a b {\nbind 192.0.2.1\ncache\nprometheus\n}\n");
  const areas = [0, 1].map(() => new Float64Array((SCOPES_MAX + 1) * SCOPE_DOUBLES));
  for (const area of areas) {
    for (const scope of [1, 2]) {
      area[scope * SCOPE_DOUBLES + SCOPE_REQUESTS + 1] = 5;
      area[scope * SCOPE_DOUBLES + SCOPE_HITS_SUCCESS] = 3;
    }
  }
  const families = dnsFamilies(areas, catalog.scopes, NO_COUNTS);
  const server = 'server="dns://192.0.2.1:53"';
  assert.deepEqual(lines(families, /^coredns_dns_requests_total/), [
    `coredns_dns_requests_total{${server},zone="a.",view="",proto="udp",family="1",type="A"} 10`,
    `coredns_dns_requests_total{${server},zone="b.",view="",proto="udp",family="1",type="A"} 10`,
  ]);
  assert.deepEqual(lines(families, /^coredns_cache_hits_total/), [
    `coredns_cache_hits_total{${server},type="success",zones="a.,b.",view=""} 12`,
    `coredns_cache_hits_total{${server},type="denial",zones="a.,b.",view=""} 0`,
  ]);
});

test("ScopeCatalog keeps scopes that are in no configuration any more", () => {
  const { catalog } = catalogOf(
    "a {\nbind 192.0.2.1\ncache\nprometheus\n}\n",
    "b {\nbind 192.0.2.1\nprometheus\n}\n",
  );
  assert.deepEqual(
    catalog.scopes.map(({ labels, view, cacheZones }) => [labels.zone, view === null, cacheZones]),
    [
      ["dropped", true, null],
      ["a.", true, "a."],
      ["b.", false, null],
      ["other", true, "other"],
    ],
  );
  assert.equal(catalog.shortage, null);
  assert.deepEqual(lines([pluginEnabledFamily(catalog.scopes)], /^[^#]/), [
    'coredns_plugin_enabled{server="dns://192.0.2.1:53",zone="b.",view="",name="bind"} 1',
    'coredns_plugin_enabled{server="dns://192.0.2.1:53",zone="b.",view="",name="prometheus"} 1',
  ]);
});

test("ScopeCatalog says when scopes are counted together", () => {
  const zones = Array.from({ length: SCOPES_MAX + 4 }, (_, index) => `z${index}.example.org`);
  const { catalog } = catalogOf(`${zones.join(" ")} {\nbind 192.0.2.1\n}\n`);
  assert.match(catalog.shortage ?? "", /^5 zones of listeners are counted together as "other": /);
});

test("forwardFamilies() has all upstreams, and those without a row as other", () => {
  const numbers = new StableNumbers(2);
  numbers.numberOf("192.0.2.1:53");
  const area = new Float64Array(2 * UPSTREAM_DOUBLES);
  area[UPSTREAM_QUERIES] = 7;
  const counted = () => lines(forwardFamilies([area], numbers), /^coredns_forward_requests_total/);
  assert.deepEqual(counted(), ['coredns_forward_requests_total{to="192.0.2.1:53"} 7']);
  area[UPSTREAM_DOUBLES + UPSTREAM_QUERIES] = 1;
  assert.equal(counted()[1], 'coredns_forward_requests_total{to="other"} 1');
});

test("pluginFamilies() labels counters by scope as they were declared", () => {
  const { catalog } = catalogOf("a b {\nbind 192.0.2.1\n}\n");
  const declare = (name: string, scoped: PluginCounterDeclaration["scoped"], labels = {}) => ({
    ...{ name, help: "x", scoped, labels },
  });
  const declared = [
    declare("x_total", "zone", { kind: "k" }),
    declare("y_total", "server"),
    declare("z_total", ""),
    declare("w_total", "view"),
  ];
  const area = new Float64Array((SCOPES_MAX + 1) * PLUGIN_COUNTERS_MAX);
  for (const scope of [1, 2])
    area.fill(scope, scope * PLUGIN_COUNTERS_MAX, scope * PLUGIN_COUNTERS_MAX + 4);
  const server = 'server="dns://192.0.2.1:53"';
  assert.deepEqual(lines(pluginFamilies([area], declared, catalog.scopes), /^[^#]/), [
    `x_total{${server},zone="a.",view="",kind="k"} 1`,
    `x_total{${server},zone="b.",view="",kind="k"} 2`,
    `y_total{${server}} 3`,
    "z_total 3",
    `w_total{${server},view=""} 3`,
  ]);
});

test("reloadFamilies() and processFamilies() have CoreDNS' and the client libraries' names", () => {
  const families = [...reloadFamilies({ failedCount: 2, hash: "ab" }), ...processFamilies()];
  assert.deepEqual(lines(families, /^coredns_reload/), [
    "coredns_reload_failed_total 2",
    'coredns_reload_version_info{hash="sha512",value="ab"} 1',
  ]);
  const names = lines(families, /^process_/).map((line) => line.split(" ")[0]);
  assert.deepEqual(names, [
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_start_time_seconds",
  ]);
});

test("rcodeLabel() spells RCODEs as CoreDNS does", () => {
  const labels = [0, 2, 3, 4, 5, 12, 16, 19].map(rcodeLabel);
  assert.deepEqual(labels, [
    ...["NOERROR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "RCODE12", "BADVERS", "other"],
  ]);
});

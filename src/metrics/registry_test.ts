import assert from "node:assert/strict";
import { test } from "node:test";
import { interceptionMetrics } from "./interception_metrics.ts";
import { Registry } from "./registry.ts";

test("Registry.text() writes help, type and series in the order in which they were made", () => {
  const registry = new Registry();
  const counter = registry.counter({ name: "a_total", help: "Of a", labels: ["x", "y"] });
  const gauge = registry.gauge({ name: "b", help: "Of b" });
  assert.equal(registry.text(), "");
  counter.add({ y: "2", x: "1" });
  counter.add({ x: "1", y: "2" }, 2.5);
  counter.add({ x: "other", y: "" }, 0);
  gauge.set(Number.POSITIVE_INFINITY);
  assert.equal(
    registry.text(),
    [
      "# HELP a_total Of a",
      "# TYPE a_total counter",
      'a_total{x="1",y="2"} 3.5',
      'a_total{x="other",y=""} 0',
      "# HELP b Of b",
      "# TYPE b gauge",
      "b +Inf",
      "",
    ].join("\n"),
  );
  gauge.set(Number.NEGATIVE_INFINITY);
  assert.match(registry.text(), /\nb -Inf\n$/);
  gauge.set(Number.NaN);
  assert.match(registry.text(), /\nb NaN\n$/);
  gauge.clear();
  assert.doesNotMatch(registry.text(), /^b/m);
});

test("Registry.text() escapes what would end a line or a label", () => {
  const registry = new Registry();
  const gauge = registry.gauge({ name: "a", help: 'back\\slash\nand "line"', labels: ["x"] });
  gauge.set(1, { x: 'back\\slash\n"quote"' });
  assert.equal(
    registry.text(),
    [
      '# HELP a back\\\\slash\\nand "line"',
      "# TYPE a gauge",
      'a{x="back\\\\slash\\n\\"quote\\""} 1',
      "",
    ].join("\n"),
  );
});

test("Registry refuses what Prometheus could not read", () => {
  const registry = new Registry();
  assert.throws(() => registry.counter({ name: "a", help: "" }));
  assert.throws(() => registry.gauge({ name: "1a", help: "" }));
  assert.throws(() => registry.gauge({ name: "a", help: "", labels: ["le:x"] }));
  const gauge = registry.gauge({ name: "a", help: "", labels: ["x"] });
  assert.throws(() => registry.gauge({ name: "a", help: "" }));
  assert.throws(() => gauge.set(1));
  assert.throws(() => gauge.set(1, { y: "" }));
  assert.throws(() => registry.counter({ name: "b_total", help: "" }).add({}, -1));
});

test("interceptionMetrics() shows everything from the start and follows what happens", () => {
  const registry = new Registry();
  const metrics = interceptionMetrics(registry, ["iptables", "interface_add"]);
  const help = "The number of errors during periodic network setup for node-cache";
  assert.equal(
    registry.text(),
    [
      `# HELP coredns_nodecache_setup_errors_total ${help}`,
      "# TYPE coredns_nodecache_setup_errors_total counter",
      'coredns_nodecache_setup_errors_total{errortype="iptables"} 0',
      'coredns_nodecache_setup_errors_total{errortype="interface_add"} 0',
      "# HELP nodens_intercepting Whether queries for the intercepted addresses come to this process",
      "# TYPE nodens_intercepting gauge",
      "nodens_intercepting 0",
      "# HELP nodens_interception_changes_total How often the addresses were taken, dropped, and " +
        "mended after others changed something",
      "# TYPE nodens_interception_changes_total counter",
      'nodens_interception_changes_total{change="taken"} 0',
      'nodens_interception_changes_total{change="dropped"} 0',
      'nodens_interception_changes_total{change="mended"} 0',
      "",
    ].join("\n"),
  );
  metrics.setLease("tun");
  metrics.setLease("nft");
  metrics.setIntercepting(true);
  metrics.countSetupError("iptables");
  metrics.countChange("taken");
  const lines = registry.text().split("\n");
  for (const line of [
    'coredns_nodecache_setup_errors_total{errortype="iptables"} 1',
    'nodens_lease_info{kind="nft"} 1',
    "nodens_intercepting 1",
    'nodens_interception_changes_total{change="taken"} 1',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.doesNotMatch(registry.text(), /kind="tun"/);
  metrics.setLease(null);
  metrics.setIntercepting(false);
  assert.doesNotMatch(registry.text(), /lease_info/);
  assert.match(registry.text(), /^nodens_intercepting 0$/m);
});

test("Registry.histogram() counts in cumulative buckets, with sum and count", () => {
  const registry = new Registry();
  const options = { name: "t_seconds", help: "How long.", labels: ["kind"] };
  const histogram = registry.histogram(options, [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 3]) histogram.observe(value, { kind: "a" });
  assert.equal(
    registry.text(),
    [
      "# HELP t_seconds How long.",
      "# TYPE t_seconds histogram",
      't_seconds_bucket{kind="a",le="0.1"} 2',
      't_seconds_bucket{kind="a",le="1"} 3',
      't_seconds_bucket{kind="a",le="+Inf"} 4',
      't_seconds_sum{kind="a"} 3.65',
      't_seconds_count{kind="a"} 4',
      "",
    ].join("\n"),
  );
});

test("Registry.collect() asks for metrics with every text", () => {
  const registry = new Registry();
  let value = 0;
  registry.collect(() => [
    { name: "a_total", help: "", type: "counter", samples: [{ labels: {}, value }] },
    { name: "b", help: "", type: "gauge", samples: [] },
  ]);
  value = 7;
  assert.equal(registry.text(), "# HELP a_total \n# TYPE a_total counter\na_total 7\n");
});

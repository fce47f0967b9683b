import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsMemory, metricsRows } from "../handoff/metrics_memory.ts";
import { PluginCounterNumbers } from "../handoff/plugin_counters.ts";
import { SCOPE_OVERFLOW } from "../handoff/scope_numbers.ts";
import { PLUGIN_COUNTERS_MAX, SCOPES_MAX } from "../limits.ts";
import { Client } from "./client.ts";
import { PluginCounterRows } from "./plugin_counter_rows.ts";

test("PluginCounterRows.counter() counts for the scope of whoever is being served", () => {
  const numbers = new PluginCounterNumbers();
  const declare = (name: string, labels: Record<string, string>) =>
    numbers.planOf({ name, help: "", scoped: "zone", labels });
  const plans = [declare("x_total", {}), declare("x_total", { a: "1" })];
  const { plugins } = metricsRows(metricsMemory(1), 0);
  const client = new Client();
  const rows = new PluginCounterRows(plugins, client, plans);
  const plain = rows.counter("x_total");
  const labelled = rows.counter("x_total", { a: "1" });
  client.scope = 3;
  plain.add();
  plain.add();
  labelled.add();
  client.scope = SCOPES_MAX + 7;
  plain.add();
  rows.counter("undeclared_total").add();
  const at = (scope: number, number: number) => plugins[scope * PLUGIN_COUNTERS_MAX + number];
  assert.deepEqual([at(3, 0), at(3, 1), at(SCOPE_OVERFLOW, 0)], [2, 1, 1]);
  assert.equal(
    plugins.reduce((sum, value) => sum + value, 0),
    4,
  );
});

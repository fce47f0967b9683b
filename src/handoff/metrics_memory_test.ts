import assert from "node:assert/strict";
import { test } from "node:test";
import { PLUGIN_COUNTERS_MAX, SCOPES_MAX, UPSTREAM_ROWS } from "../limits.ts";
import { ANSWERERS, answererOf } from "./answerers.ts";
import {
  allMetricsRows,
  metricsMemory,
  metricsRows,
  SCOPE_CACHE_DROPS,
  SCOPE_DOUBLES,
  SCOPE_REQUEST_SIZES,
  SCOPE_RESPONSES,
  sumRows,
  TYPE_INDEX,
  TYPE_LABELS,
  UPSTREAM_DOUBLES,
  UPSTREAM_OPENED,
  UPSTREAM_PROTOCOLS,
} from "./metrics_memory.ts";
import { PluginCounterNumbers } from "./plugin_counters.ts";
import { StableNumbers } from "./stable_numbers.ts";

test("metricsRows() gives every worker rows of its own, up to the last one", () => {
  const memory = metricsMemory(2);
  for (const worker of [0, 1]) {
    const { scopes, upstreams, plugins } = metricsRows(memory, worker);
    assert.equal(scopes.length, (SCOPES_MAX + 1) * SCOPE_DOUBLES);
    assert.equal(upstreams.length, UPSTREAM_ROWS * UPSTREAM_DOUBLES);
    assert.equal(plugins.length, (SCOPES_MAX + 1) * PLUGIN_COUNTERS_MAX);
    for (const [index, area] of [scopes, upstreams, plugins].entries()) {
      assert.ok(area.every((value) => value === 0));
      area.fill(10 * worker + index + 1);
    }
  }
  const areas = allMetricsRows(memory);
  assert.deepEqual(
    [
      ...sumRows(
        areas.map(({ scopes }) => scopes),
        7,
        2,
      ),
    ],
    [12, 12],
  );
  assert.deepEqual(
    [
      ...sumRows(
        areas.map(({ upstreams }) => upstreams),
        0,
        1,
      ),
    ],
    [14],
  );
  assert.deepEqual(
    [
      ...sumRows(
        areas.map(({ plugins }) => plugins),
        0,
        1,
      ),
    ],
    [16],
  );
});

test("the parts of a row do not overlap, and every label has its place", () => {
  assert.ok(ANSWERERS.length <= (SCOPE_REQUEST_SIZES - SCOPE_RESPONSES) / 20);
  assert.ok(SCOPE_CACHE_DROPS < SCOPE_DOUBLES);
  assert.ok(UPSTREAM_OPENED + UPSTREAM_PROTOCOLS.length <= UPSTREAM_DOUBLES);
  const types = { other: 0, A: 1, AAAA: 28, HTTPS: 65, AXFR: 252, ANY: 255 };
  for (const [label, type] of Object.entries(types)) {
    assert.equal(TYPE_LABELS[TYPE_INDEX[type]!], label);
  }
  assert.equal(new Set(TYPE_INDEX).size, TYPE_LABELS.length);
});

test("answererOf() numbers plugins, and counts those it does not know as nobody", () => {
  assert.equal(ANSWERERS[answererOf("template")], "template");
  assert.equal(answererOf("unheard-of"), 0);
});

test("StableNumbers.numberOf() keeps numbers and shares the last one", () => {
  const numbers = new StableNumbers(3);
  assert.deepEqual(
    ["a", "b", "a", "c", "d", "b"].map((name) => numbers.numberOf(name)),
    [0, 1, 0, 2, 2, 1],
  );
  assert.deepEqual(numbers.names, ["a", "b"]);
});

test("PluginCounterNumbers.planOf() numbers each name with its own labels once", () => {
  const numbers = new PluginCounterNumbers();
  const declaration = { name: "x_total", help: "x", scoped: "zone", labels: { a: "1" } } as const;
  const first = numbers.planOf(declaration);
  assert.deepEqual(numbers.planOf(declaration), first);
  const second = numbers.planOf({ ...declaration, labels: { a: "2" } });
  assert.deepEqual([first.number, second.number], [0, 1]);
  assert.equal(numbers.declared[1]?.labels.a, "2");
});

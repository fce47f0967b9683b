import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePlan } from "../config/compile.ts";
import { requireConfig } from "../config/load.ts";
import { memorySource } from "../config/source.ts";
import { interceptPlan } from "./intercept_plan.ts";

function planOf(corefile: string) {
  const source = memorySource({ Corefile: corefile });
  return compilePlan(requireConfig({ confFile: "Corefile", source }).config, 1);
}

const TWO_BLOCKS = `cluster.local {
  bind 192.0.2.10 198.51.100.10
  forward . 203.0.113.1
}
. {
  bind 192.0.2.10 198.51.100.10 127.0.0.1
  forward . 203.0.113.2
}
`;

test("interceptPlan() makes listeners of the addresses transparent and adds a private one", () => {
  const plan = planOf(TWO_BLOCKS);
  const taken = interceptPlan(plan, ["192.0.2.10"], 53);
  const shown = taken.listeners.map(({ address, isTransparent, isPrivate }) => [
    ...[address, isTransparent, isPrivate],
  ]);
  assert.deepEqual(shown, [
    ["192.0.2.10", true, false],
    ["198.51.100.10", false, false],
    ["127.0.0.1", false, false],
    ["127.0.0.1", false, true],
  ]);
  const zones = taken.listeners[3]!.zones;
  assert.deepEqual(zones, plan.listeners[0]!.zones);
  assert.equal(plan.listeners.length, 3, "the plan that was given is as it was");
});

test("interceptPlan() takes the wildcard listener for any address of its family", () => {
  const plan = planOf(". {\n  forward . 203.0.113.2\n}\n");
  const taken = interceptPlan(plan, ["192.0.2.10", "2001:db8::10"], 53);
  const shown = taken.listeners.map(({ address, isTransparent }) => [address, isTransparent]);
  assert.deepEqual(shown, [
    ["0.0.0.0", true],
    ["::", true],
    ["127.0.0.1", false],
  ]);
});

test("interceptPlan() refuses an address or a port that no server block listens on", () => {
  const advice = 'add it to "bind" in the server blocks, or take it out of -localip';
  for (const [address, port, where] of [
    ["203.0.113.9", 53, "203.0.113.9:53"],
    ["2001:db8::9", 53, "[2001:db8::9]:53"],
    ["192.0.2.10", 54, "192.0.2.10:54"],
  ] as const) {
    assert.throws(() => interceptPlan(planOf(TWO_BLOCKS), [address], port), {
      message: `Cannot take over ${where}: no server block listens there: ${advice}`,
    });
  }
});

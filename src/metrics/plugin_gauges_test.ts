import assert from "node:assert/strict";
import { test } from "node:test";
import { PluginGauges } from "./plugin_gauges.ts";
import { familyText } from "./registry.ts";

test("PluginGauges add up, and tell when something was another", () => {
  const gauges = new PluginGauges();
  const samples = (texts: readonly string[], nowSec: number) => {
    const given = texts.flatMap((text) => [
      { name: "x_entries", help: "x", value: text.length },
      { name: "x_seconds", help: "x", changeOf: text },
    ]);
    gauges.apply(given, nowSec);
    const lines = gauges.families.map(familyText).join("").split("\n");
    return lines.filter((line) => line.startsWith("x_"));
  };
  assert.deepEqual(samples(["a", "bc"], 5), ["x_entries 3", "x_seconds 5"]);
  assert.deepEqual(samples(["a", "bc"], 6), ["x_entries 3", "x_seconds 5"]);
  assert.deepEqual(samples(["a", "bd"], 7), ["x_entries 3", "x_seconds 7"]);
  assert.deepEqual(samples(["a"], 8), ["x_entries 1", "x_seconds 8"]);
  assert.deepEqual(samples([], 9), []);
  assert.deepEqual(samples(["a"], 10), ["x_entries 1", "x_seconds 8"]);
});

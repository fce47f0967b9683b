import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { memorySource } from "../config/source.ts";
import { PLUGIN_ORDER, REMOVED_DIRECTIVES, UNSUPPORTED_DIRECTIVES } from "./plugin_order.ts";
import { PLUGIN_NAMES } from "./registry.ts";

function problemsOf(directive: string): string[] {
  const corefile = `.:53 {\n${directive}\nforward . 192.0.2.53\n}\n`;
  const source = memorySource({ Corefile: corefile });
  return loadConfig({ confFile: "Corefile", source }).problems.map(formatProblem);
}

test("PLUGIN_ORDER has each directive once, and all plugins", () => {
  assert.equal(new Set(PLUGIN_ORDER).size, PLUGIN_ORDER.length);
  for (const name of PLUGIN_NAMES) assert.ok(PLUGIN_ORDER.includes(name), name);
});

test("every directive of CoreDNS that is no plugin here is an error that names it and says why", () => {
  const names: readonly string[] = PLUGIN_NAMES;
  for (const name of PLUGIN_ORDER.filter((one) => !names.includes(one))) {
    const reason =
      UNSUPPORTED_DIRECTIVES[name] ??
      "this version does not support it: see nodens version -plugins";
    assert.deepEqual(problemsOf(name), [
      `Corefile:2: plugin ${name}: Cannot use "${name}": ${reason}`,
    ]);
  }
});

test("UNSUPPORTED_DIRECTIVES holds no plugin, and nothing that CoreDNS has not", () => {
  const names: readonly string[] = PLUGIN_NAMES;
  for (const name of Object.keys(UNSUPPORTED_DIRECTIVES)) {
    assert.ok(PLUGIN_ORDER.includes(name), name);
    assert.ok(!names.includes(name), name);
  }
});

test("a misspelled directive is an error with the nearest name", () => {
  for (const name of PLUGIN_ORDER.filter((one) => one.length > 4)) {
    const typo = `${name.slice(0, 2)}${name.slice(3)}`;
    if (PLUGIN_ORDER.includes(typo)) continue;
    const [problem = "", ...others] = problemsOf(typo);
    assert.deepEqual(others, []);
    const start = `Corefile:2: Unknown directive "${typo}": did you mean "`;
    assert.ok(problem.startsWith(start), problem);
  }
});

test("a directive that CoreDNS had once is an error that says what to write", () => {
  for (const [name, reason] of Object.entries(REMOVED_DIRECTIVES)) {
    assert.deepEqual(problemsOf(name), [`Corefile:2: Unknown directive "${name}": ${reason}`]);
  }
});

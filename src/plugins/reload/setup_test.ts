import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { reloadSetup } from "./setup.ts";

test("reload reads interval and jitter, and brings the jitter down to half of the interval", () => {
  const cases: [directive: string, intervalMs: number, jitterMs: number][] = [
    ["reload", 30_000, 15_000],
    ["reload 10s", 10_000, 5_000],
    ["reload 2s", 2_000, 1_000],
    ["reload 1m 1s", 60_000, 1_000],
    ["reload 10s 9s", 10_000, 5_000],
  ];
  for (const [directive, intervalMs, jitterMs] of cases) {
    const { settings, problems } = readSetup(reloadSetup, directive);
    assert.deepEqual([settings, problems], [{ intervalMs, jitterMs }, []], directive);
  }
});

test("reload says what is wrong with its arguments", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["reload 1s", ['2: Cannot read INTERVAL: expected a duration from 2s, such as 30s, got "1s"']],
    [
      "reload 10s 10ms",
      ['2: Cannot read JITTER: expected a duration from 1s, such as 15s, got "10ms"'],
    ],
    ["reload 1m 1m 1m", ['2: Unexpected "1m" after "reload": expected reload [INTERVAL [JITTER]]']],
    ["reload {\n10s\n}", ['3: Unknown option "10s": "reload" takes none']],
    ["reload\nreload", ['3: Cannot use "reload" twice in a server block: already at Corefile:2']],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(reloadSetup, directives).problems, problems, directives);
  }
});

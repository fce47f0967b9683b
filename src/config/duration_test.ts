import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "./duration.ts";

test("parseDuration() reads what Go's ParseDuration reads, in milliseconds", () => {
  const cases: [string, number | null][] = [
    ["0", 0],
    ["+0", 0],
    ["5s", 5_000],
    ["1h2m3.5s", 3_723_500],
    ["-1.5h", -5_400_000],
    ["+10ms", 10],
    [".5s", 500],
    ["1.s", 1_000],
    ["2us", 0.002],
    ["2\u00B5s", 0.002],
    ["2\u03BCs", 0.002],
    ["1000000ns", 1],
    ["1m1m", 120_000],
    ["00s", 0],
    ["", null],
    ["5", null],
    ["s", null],
    [".s", null],
    ["1d", null],
    ["1 s", null],
    ["1S", null],
    ["--1s", null],
    ["1.2.3s", null],
    ["3000000h", null],
    ["1s5", null],
  ];
  for (const [text, expected] of cases) assert.equal(parseDuration(text), expected, text);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { cancelSetup } from "./setup.ts";

test("cancel: the time-out is 5001ms unless written", () => {
  for (const [directive, ms] of [
    ["cancel", 5001],
    ["cancel 150ms", 150],
    ["cancel 1m", 60_000],
  ] as const) {
    const { view, problems } = readSetup(cancelSetup, directive);
    assert.deepEqual(problems, []);
    assert.equal(view.deadlineMs, ms, directive);
  }
});

test("cancel: what does not fit is reported", () => {
  const timeout = "2: Cannot read TIMEOUT: expected a duration above 0, such as 5s, got";
  const cases: [directives: string, problem: RegExp][] = [
    ["cancel 0s", new RegExp(`^${timeout} "0s"`)],
    ["cancel -1s", new RegExp(`^${timeout} "-1s"`)],
    ["cancel soon", new RegExp(`^${timeout} "soon"`)],
    ["cancel 1s 2s", /^2: Unexpected "2s" after "cancel": expected cancel \[TIMEOUT\]$/],
    ["cancel\ncancel", /^3: Cannot use "cancel" twice/],
  ];
  for (const [directives, problem] of cases) {
    const { problems } = readSetup(cancelSetup, directives);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, problem);
  }
});

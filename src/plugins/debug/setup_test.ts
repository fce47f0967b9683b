import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { debugSetup } from "./setup.ts";

test("debug: more is logged", () => {
  const { view, problems } = readSetup(debugSetup, "debug");
  assert.deepEqual(problems, []);
  assert.deepEqual([view.debug, view.stacktrace, view.plugins], [true, true, []]);
});

test("debug: what does not fit is reported", () => {
  assert.deepEqual(readSetup(debugSetup, "debug on").problems, [
    '2: Unexpected "on" after "debug": expected debug alone',
  ]);
});

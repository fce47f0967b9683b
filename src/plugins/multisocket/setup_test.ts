import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { multisocketSetup } from "./setup.ts";

test("multisocket: the number of sockets", () => {
  for (const [directive, count] of [
    ["multisocket", null],
    ["multisocket 1", 1],
    ["multisocket 1024", 1024],
  ] as const) {
    const { settings, problems } = readSetup(multisocketSetup, directive);
    assert.deepEqual(problems, []);
    assert.equal(settings.count, count);
  }
});

test("multisocket: what does not fit is reported", () => {
  const number = (got: string) =>
    `2: Cannot read NUM_SOCKETS: expected a number of sockets from 1 to 1024, got "${got}"`;
  for (const got of ["0", "-1", "1025", "two"]) {
    const { problems } = readSetup(multisocketSetup, `multisocket ${got}`);
    assert.deepEqual(problems, [number(got)]);
  }
  assert.deepEqual(readSetup(multisocketSetup, "multisocket 1 2").problems, [
    '2: Unexpected "2" after "multisocket": expected multisocket [NUM_SOCKETS]',
  ]);
});

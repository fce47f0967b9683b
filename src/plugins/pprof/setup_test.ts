import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { pprofSetup } from "./setup.ts";

test("pprof: address, or CoreDNS' own", () => {
  assert.deepEqual(readSetup(pprofSetup, "pprof").settings, { address: "localhost:6053" });
  const { settings, problems } = readSetup(pprofSetup, "pprof :6060");
  assert.deepEqual([settings, problems], [{ address: ":6060" }, []]);
});

test("pprof: block is read, and warned about", () => {
  const warning = '3: "block": nothing here waits for locks, so it has no effect in this version';
  assert.deepEqual(readSetup(pprofSetup, "pprof {\nblock 10\n}").problems, [warning]);
  assert.deepEqual(readSetup(pprofSetup, "pprof {\nblock\n}").problems, [warning]);
  assert.deepEqual(readSetup(pprofSetup, "pprof {\nblock x\n}").problems, [
    '3: Cannot read rate: expected a whole number from 0, got "x"',
  ]);
});

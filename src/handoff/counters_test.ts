import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNTER, COUNTER_NAMES, countersMemory, countersRow, readCounters } from "./counters.ts";

const CACHE_LINE_BYTES = 64;

test("COUNTER has a place of its own for every name", () => {
  const places = COUNTER_NAMES.map((name) => COUNTER[name]);
  assert.equal(new Set(places).size, COUNTER_NAMES.length);
  assert.equal(Math.max(...places), COUNTER_NAMES.length - 1);
});

test("countersRow() gives every worker cache lines of its own", () => {
  const memory = countersMemory(3);
  const rows = [0, 1, 2].map((worker) => countersRow(memory, worker));
  rows.forEach((row, worker) => void row.fill(worker + 1));
  rows.forEach((row, worker) => {
    assert.ok(row.every((value) => value === worker + 1));
    assert.ok(row.length >= COUNTER_NAMES.length);
    assert.equal(row.byteOffset % CACHE_LINE_BYTES, 0);
  });
});

test("readCounters() adds workers up, and shows the oldest heartbeat", () => {
  const memory = countersMemory(3);
  [
    [5, 300],
    [7, 100],
    [2 ** 52, 200],
  ].forEach(([hits, heartbeatMs], worker) => {
    const row = countersRow(memory, worker);
    row[COUNTER.hits] = hits!;
    row[COUNTER.heartbeatMs] = heartbeatMs!;
  });
  const sums = readCounters(memory);
  assert.equal(sums.hits, 2 ** 52 + 12);
  assert.equal(sums.heartbeatMs, 100);
  assert.equal(sums.misses, 0);
  assert.deepEqual(Object.keys(sums), [...COUNTER_NAMES]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "./backoff.ts";

const TIMES = { firstMs: 100, lastMs: 400, stableMs: 1000 };

test("Backoff.isDue() at once, then after waits that double up to the last", () => {
  let nowMs = 5;
  const backoff = new Backoff(TIMES, () => nowMs);
  assert.equal(backoff.isDue(), true);
  for (const waitMs of [100, 200, 400, 400]) {
    backoff.postpone();
    nowMs += waitMs - 1;
    assert.equal(backoff.isDue(), false, `${waitMs}`);
    nowMs += 1;
    assert.equal(backoff.isDue(), true, `${waitMs}`);
  }
});

test("Backoff.postpone() begins anew after a success that lasted, and only then", () => {
  let nowMs = 0;
  const backoff = new Backoff(TIMES, () => nowMs);
  backoff.postpone();
  for (const [lastedMs, waitMs] of [
    [999, 200],
    [1000, 100],
  ] as const) {
    backoff.succeed();
    nowMs += lastedMs;
    backoff.postpone();
    nowMs += waitMs - 1;
    assert.equal(backoff.isDue(), false);
    nowMs += 1;
    assert.equal(backoff.isDue(), true);
  }
});

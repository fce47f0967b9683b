import assert from "node:assert/strict";
import { test } from "node:test";
import type { CachePlan, StalePlan } from "../handoff/plan.ts";
import { STALE_SEC_MAX, staleSecOf, viewCapacity } from "./view_capacity.ts";

const STALE: StalePlan = {
  windowMs: 3_600_000,
  isVerified: false,
  verifyTimeoutMs: 0,
  responseTtlSec: 30,
  recheckMs: 0,
  prefersPositive: false,
};

test("viewCapacity() says what a plan's cache lines mean for the cache", () => {
  const success = { capacity: 9984, ttlSecMax: 30, ttlSecMin: 0 };
  const denial = { capacity: 0, ttlSecMax: 5, ttlSecMin: 0 };
  const plan = { success, denial, stale: STALE } as unknown as CachePlan;
  const capacity = { view: 3, successCapacity: 9984, denialCapacity: 0, staleSec: 3600 };
  assert.deepEqual(viewCapacity(3, plan), capacity);
  const none = { view: 4, successCapacity: 0, denialCapacity: 0, staleSec: 0 };
  assert.deepEqual(viewCapacity(4, null), none);
});

test("staleSecOf() rounds up and has a bound", () => {
  const secOf = (windowMs: number) => staleSecOf({ ...STALE, windowMs });
  assert.deepEqual([secOf(0), secOf(1), secOf(1_000), secOf(1_001)], [0, 1, 1, 2]);
  assert.equal(secOf(Number.MAX_SAFE_INTEGER), STALE_SEC_MAX);
});

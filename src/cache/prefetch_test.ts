import assert from "node:assert/strict";
import { test } from "node:test";
import { Prefetch } from "./prefetch.ts";

const PLAN = { amount: 3, gapMs: 60_000, percentage: 10 };

/** Whether each hit of key 7, at these times, is one to refresh an answer from 100 to 160 at. */
function due(plan: Partial<typeof PLAN>, ...timesSec: readonly number[]): boolean[] {
  const prefetch = new Prefetch({ ...PLAN, ...plan });
  return timesSec.map((nowSec) => prefetch.countHit(7, 100, 160, nowSec));
}

test("Prefetch.countHit() waits for enough hits, and for the last part of the life", () => {
  assert.deepEqual(due({}, 110, 120, 130, 153, 154, 159), [false, false, false, false, true, true]);
  assert.deepEqual(due({}, 154, 154, 154), [false, false, true]);
  assert.deepEqual(due({ amount: 1 }, 153, 154), [false, true]);
  assert.deepEqual(due({ amount: 1, percentage: 90 }, 105, 106), [false, true]);
});

test("Prefetch.countHit() rounds the last part up to whole seconds", () => {
  const prefetch = new Prefetch({ ...PLAN, amount: 1 });
  const times = [103, 104].map((nowSec) => prefetch.countHit(7, 100, 105, nowSec));
  assert.deepEqual(times, [false, true]);
});

test("Prefetch.countHit() begins anew after a gap", () => {
  assert.deepEqual(due({ gapMs: 10_000 }, 136, 140, 150, 155, 159), [
    ...[false, false, false],
    ...[false, true],
  ]);
  // Less than a second is a second: the clock has no other.
  assert.deepEqual(due({ gapMs: 100 }, 155, 155, 155), [false, false, true]);
});

test("Prefetch.noteRefresh() is asked for once per answer, and hits go on counting", () => {
  const prefetch = new Prefetch(PLAN);
  for (const nowSec of [156, 157]) prefetch.countHit(7, 100, 160, nowSec);
  assert.equal(prefetch.countHit(7, 100, 160, 158), true);
  prefetch.noteRefresh(160);
  assert.equal(prefetch.countHit(7, 100, 160, 159), false);
  assert.equal(prefetch.countHit(7, 158, 218, 190), false);
  assert.equal(prefetch.countHit(7, 158, 218, 213), true);
});

test("Prefetch keeps the keys of a set that were asked for last", () => {
  const prefetch = new Prefetch({ ...PLAN, amount: 2 });
  const sameSet = (key: number) => 5 + key * 1024;
  for (let key = 0; key < 4; key++) prefetch.countHit(sameSet(key), 100, 160, 150 + key);
  assert.equal(prefetch.countHit(sameSet(0), 100, 160, 155), true);
  // A fifth one takes the place of the second, which is the oldest now.
  prefetch.countHit(sameSet(4), 100, 160, 156);
  assert.equal(prefetch.countHit(sameSet(2), 100, 160, 157), true);
  assert.equal(prefetch.countHit(sameSet(1), 100, 160, 157), false);
});

test("Prefetch.countHit() takes hashes of either sign, and a clock that wraps", () => {
  const prefetch = new Prefetch({ ...PLAN, amount: 2 });
  const endSec = (0x7fff_ffff + 10) | 0;
  assert.equal(prefetch.countHit(-7, 0x7fff_fff0, endSec, 0x7fff_fffe), false);
  assert.equal(prefetch.countHit(-7, 0x7fff_fff0, endSec, (endSec - 1) | 0), true);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "./prng.ts";

test("Prng repeats for a seed and differs for another", () => {
  const take = (seed: number) => {
    const prng = new Prng(seed);
    return Array.from({ length: 100 }, () => prng.uint32());
  };
  assert.deepEqual(take(7), take(7));
  for (const other of [0, 1, 8, -7, 7 + 2 ** 31]) assert.notDeepEqual(take(7), take(other));
});

test("Prng.below() stays in range and reaches every number about as often", () => {
  for (const seed of [0, 1, 2, 0xffffffff]) {
    const prng = new Prng(seed);
    const counts = new Uint32Array(10);
    for (let index = 0; index < 100_000; index++) counts[prng.below(10)]++;
    // 10,000 expected, standard deviation 95.
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 600, `${count} with seed ${seed}`);
  }
});

test("Prng.pick() and Prng.oneIn() use the whole range", () => {
  const prng = new Prng(3);
  const picked = new Set(Array.from({ length: 200 }, () => prng.pick(["a", "b", "c"])));
  assert.equal(picked.size, 3);
  const hits = Array.from({ length: 10_000 }, () => prng.oneIn(4)).filter(Boolean).length;
  assert.ok(Math.abs(hits - 2500) < 300, `${hits}`);
});

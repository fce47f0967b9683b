import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "./prng.ts";

/** xoshiro128** as its authors write it, with whole-number arithmetic that cannot overflow. */
function reference(state: bigint[]): bigint {
  const mask = 0xffff_ffffn;
  const rotate = (word: bigint, by: bigint) => ((word << by) | (word >> (32n - by))) & mask;
  const [s0, s1, s2, s3] = state as [bigint, bigint, bigint, bigint];
  const result = (rotate((s1 * 5n) & mask, 7n) * 9n) & mask;
  const next2 = s2 ^ s0;
  const next3 = s3 ^ s1;
  state[0] = s0 ^ next3;
  state[1] = s1 ^ next2;
  state[2] = next2 ^ ((s1 << 9n) & mask);
  state[3] = rotate(next3, 11n);
  return result;
}

/** The state that splitmix32 makes of `seed`. */
function seeded(seed: bigint): bigint[] {
  const mask = 0xffff_ffffn;
  return [1n, 2n, 3n, 4n].map((step) => {
    let word = (seed + step * 0x9e3779b9n) & mask;
    word = ((word ^ (word >> 16n)) * 0x21f0aaadn) & mask;
    word = ((word ^ (word >> 15n)) * 0x735a2d97n) & mask;
    return word ^ (word >> 15n);
  });
}

test("Prng.uint32() follows xoshiro128** for every seed", () => {
  for (const seed of [0, 1, 42, 0x7fff_ffff, 0xffff_ffff]) {
    const prng = new Prng(seed);
    const state = seeded(BigInt(seed));
    for (let step = 0; step < 200; step++) {
      assert.equal(prng.uint32(), Number(reference(state)), `seed ${seed}, step ${step}`);
    }
  }
});

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
    for (const count of counts) {
      assert.ok(Math.abs(count - 10_000) < 600, `${count} with seed ${seed}`);
    }
  }
});

test("Prng.pick() and Prng.chance() use the whole range", () => {
  const prng = new Prng(3);
  const picked = new Set(Array.from({ length: 200 }, () => prng.pick(["a", "b", "c"])));
  assert.equal(picked.size, 3);
  const hits = Array.from({ length: 10_000 }, () => prng.chance(0.25)).filter(Boolean).length;
  assert.ok(Math.abs(hits - 2500) < 300, `${hits}`);
});

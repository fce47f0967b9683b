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

test("uint32() follows xoshiro128** for every seed", () => {
  for (const seed of [0, 1, 42, 0x7fff_ffff, 0xffff_ffff]) {
    const prng = new Prng(seed);
    const state = seeded(BigInt(seed));
    for (let step = 0; step < 200; step++) {
      assert.equal(prng.uint32(), Number(reference(state)), `seed ${seed}, step ${step}`);
    }
  }
});

test("below() stays in its range and reaches both ends", () => {
  const prng = new Prng(7);
  const seen = new Set<number>();
  for (let step = 0; step < 1000; step++) seen.add(prng.below(10));
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

test("chance() is never at 0, always at 1, and near its ratio between", () => {
  const prng = new Prng(3);
  let hits = 0;
  for (let step = 0; step < 10_000; step++) {
    assert.equal(prng.chance(0), false);
    assert.equal(prng.chance(1), true);
    if (prng.chance(0.25)) hits += 1;
  }
  assert.ok(hits > 2300 && hits < 2700, `${hits} of 10000`);
});

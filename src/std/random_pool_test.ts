import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "./prng.ts";
import { RandomPool } from "./random_pool.ts";

function pool(fill: (target: Uint8Array) => void): RandomPool {
  return new RandomPool(fill);
}

test("uint32() hands out every word of the source once, across refills", () => {
  let counter = 0;
  const random = pool((target) => {
    const words = new Uint32Array(target.buffer, target.byteOffset, target.length / 4);
    for (let index = 0; index < words.length; index++) words[index] = counter++;
  });
  for (let expected = 0; expected < 5000; expected++) assert.equal(random.uint32(), expected);
});

test("uint32() leaves no used number readable in memory", () => {
  let memory: Uint8Array = new Uint8Array(0);
  const random = pool((target) => {
    memory = target;
    target.fill(0xff);
  });
  random.uint32();
  random.uint32();
  assert.deepEqual([...memory.subarray(0, 12)], [0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]);
});

test("uint16() and below() stay in range at both ends of the source", () => {
  const lowest = pool((target) => target.fill(0));
  const highest = pool((target) => target.fill(0xff));
  assert.deepEqual([lowest.uint16(), lowest.below(3), lowest.below(65_536)], [0, 0, 0]);
  assert.deepEqual(
    [highest.uint16(), highest.below(3), highest.below(65_536)],
    [65_535, 2, 65_535],
  );
  assert.equal(highest.below(1), 0);
});

test("below() is even over its range", () => {
  const prng = new Prng(11);
  const random = pool((target) => {
    for (let at = 0; at < target.length; at++) target[at] = prng.below(256);
  });
  const counts = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 20_000; draw++) counts[random.below(10)]! += 1;
  for (const count of counts) assert.ok(count > 1800 && count < 2200, `counts ${counts}, seed 11`);
});

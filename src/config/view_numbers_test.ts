import assert from "node:assert/strict";
import { test } from "node:test";
import { VIEWS_MAX, ViewNumbers } from "./view_numbers.ts";

test("ViewNumbers.assign() keeps the ids of blocks that stay, wherever they stand", () => {
  const numbers = new ViewNumbers();
  assert.deepEqual(numbers.assign(["a", "b", "c"], 0), [0, 1, 2]);
  assert.deepEqual(numbers.assign(["c", "a"], 10), [2, 0]);
  assert.deepEqual(numbers.assign(["a", "c", "a"], 20), [0, 2, 3]);
});

test("ViewNumbers.assign() does not give an id away again for a while", () => {
  const numbers = new ViewNumbers();
  numbers.assign(["a"], 0);
  assert.deepEqual(numbers.assign(["b"], 1), [1]);
  assert.deepEqual(numbers.assign(["a"], 2), [2]);
  for (let round = 3; round < VIEWS_MAX; round++) numbers.assign([`${round}`], round);
  assert.throws(() => numbers.assign(["z"], VIEWS_MAX), /too many server blocks have changed/);
  // The first one has been out of use for long enough.
  assert.deepEqual(numbers.assign(["z"], 20_001), [0]);
});

test("ViewNumbers.assign() refuses more blocks than there are ids", () => {
  const keys = Array.from({ length: VIEWS_MAX + 1 }, (_, index) => `${index}`);
  const numbers = new ViewNumbers();
  assert.throws(() => numbers.assign(keys, 0), /at most 256 server blocks/);
  assert.equal(new Set(numbers.assign(keys.slice(1), 0)).size, VIEWS_MAX);
});

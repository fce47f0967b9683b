import assert from "node:assert/strict";
import { test } from "node:test";
import { VIEW_LEAVE_MS, VIEWS_MAX } from "../limits.ts";
import { ViewNumbers } from "./view_numbers.ts";

/** Of a configuration that comes into effect. */
function assign(numbers: ViewNumbers, keys: readonly string[], nowMs: number): number[] {
  const ids = numbers.assign(keys, nowMs);
  numbers.keep(nowMs);
  return ids;
}

test("ViewNumbers.assign() keeps the ids of blocks that stay, wherever they stand", () => {
  const numbers = new ViewNumbers();
  assert.deepEqual(assign(numbers, ["a", "b", "c"], 0), [0, 1, 2]);
  assert.deepEqual(assign(numbers, ["c", "a"], 10), [2, 0]);
  assert.deepEqual(assign(numbers, ["a", "c", "a"], 20), [0, 2, 3]);
});

test("ViewNumbers.assign() does not give an id away again for a while", () => {
  const numbers = new ViewNumbers();
  assign(numbers, ["a"], 0);
  assert.deepEqual(assign(numbers, ["b"], 1), [1]);
  assert.deepEqual(assign(numbers, ["a"], 2), [2]);
  for (let round = 3; round < VIEWS_MAX; round++) assign(numbers, [`${round}`], round);
  assert.throws(() => numbers.assign(["z"], VIEWS_MAX), /too many server blocks have changed/);
  // The first one has been out of use for long enough.
  assert.deepEqual(numbers.assign(["z"], 2 * VIEW_LEAVE_MS + 1), [0]);
});

test("ViewNumbers.keep() is what makes the difference: a refused configuration changes nothing", () => {
  const numbers = new ViewNumbers();
  assert.deepEqual(assign(numbers, ["a", "b"], 0), [0, 1]);
  assert.deepEqual(numbers.assign(["c", "a"], 10), [2, 0]);
  // Tried again, and then something else, much later.
  assert.deepEqual(numbers.assign(["c", "a"], 15), [2, 0]);
  assert.deepEqual(assign(numbers, ["b", "a"], 50_000), [1, 0]);
});

test("ViewNumbers.assign() gives away no id of the configuration in effect", () => {
  const numbers = new ViewNumbers();
  assign(numbers, ["a"], 0);
  for (let round = 1; round < 3 * VIEWS_MAX; round++) {
    assert.notEqual(numbers.assign([`${round}`], 100_000 * round)[0], 0);
  }
});

test("ViewNumbers.assign() refuses more blocks than there are ids", () => {
  const keys = Array.from({ length: VIEWS_MAX + 1 }, (_, index) => `${index}`);
  const numbers = new ViewNumbers();
  assert.throws(() => numbers.assign(keys, 0), /at most 256 server blocks/);
  assert.equal(new Set(numbers.assign(keys.slice(1), 0)).size, VIEWS_MAX);
});

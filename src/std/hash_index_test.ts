import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HashIndex, NOT_FOUND } from "./hash_index.ts";

function valuesOf(index: HashIndex, hash: number): number[] {
  const values: number[] = [];
  for (let at = index.first(hash); at !== NOT_FOUND; at = index.next(at)) {
    values.push(index.value(at));
  }
  return values.sort((a, b) => a - b);
}

/** Few distinct ones, close together and at the ends of the range: probes run into each other. */
const HASHES = [0, 1, 2, 3, 7, 8, 15, 16, 31, -1, -2, 0x7fff_ffff, -0x8000_0000, 0xffff_fff0];

test("add(), remove() and the walk behave like a map from hash to set", () => {
  const step = fc.record({
    adds: fc.boolean(),
    hash: fc.constantFrom(...HASHES),
    value: fc.nat(40),
  });
  const steps = fc.array(step, { maxLength: 150 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), steps, (capacity, list) => {
      const index = new HashIndex(capacity);
      const model = new Map<number, Set<number>>();
      let count = 0;
      for (const { adds, hash, value } of list) {
        const values = model.get(hash | 0) ?? new Set<number>();
        model.set(hash | 0, values);
        if (!adds) {
          index.remove(hash, value);
          count -= values.delete(value) ? 1 : 0;
        } else if (count < capacity && !values.has(value)) {
          index.add(hash, value);
          values.add(value);
          count += 1;
        }
        for (const known of HASHES) {
          const expected = [...(model.get(known | 0) ?? [])].sort((a, b) => a - b);
          assert.deepEqual(valuesOf(index, known), expected);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("first() ends on a table that holds its whole capacity", () => {
  for (let capacity = 1; capacity <= 33; capacity++) {
    const index = new HashIndex(capacity);
    for (let value = 0; value < capacity; value++) index.add(5, value);
    assert.equal(valuesOf(index, 5).length, capacity);
    assert.equal(index.first(6), NOT_FOUND);
  }
});

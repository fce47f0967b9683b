import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NO_SLOT, SlotPool } from "./slot_pool.ts";

test("take() and release() behave like a set of free numbers, whatever the order", () => {
  const commands = fc.array(fc.oneof(fc.constant(-1), fc.nat(20)), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), commands, (capacity, steps) => {
      const pool = new SlotPool(capacity);
      const held: number[] = [];
      const generations = new Map<number, number>();
      for (const step of steps) {
        if (step < 0) {
          const slot = pool.take();
          if (held.length === capacity) {
            assert.equal(slot, NO_SLOT);
            continue;
          }
          assert.ok(slot >= 0 && slot < capacity && !held.includes(slot), `slot ${slot}`);
          const generation = pool.generation(slot);
          assert.notEqual(generation, generations.get(slot), "a reused slot has a new generation");
          generations.set(slot, generation);
          held.push(slot);
        } else if (held.length > 0) {
          const [slot] = held.splice(step % held.length, 1);
          assert.equal(pool.generation(slot!), generations.get(slot!), "it is stable while held");
          pool.release(slot!);
        }
        assert.equal(pool.usedCount, held.length);
      }
    }),
  );
});

test("take() prefers the slot given back last", () => {
  const pool = new SlotPool(4);
  assert.deepEqual([pool.take(), pool.take()], [0, 1]);
  pool.release(0);
  assert.equal(pool.take(), 0);
});

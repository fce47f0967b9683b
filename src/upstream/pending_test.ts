import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ATTEMPTS_MAX } from "../limits.ts";
import { NO_SLOT } from "../std/slot_pool.ts";
import { nameToWire } from "../wire/name.ts";
import { Query } from "../wire/query.ts";
import { NO_ATTEMPT, PendingTable } from "./pending.ts";

const CAPACITY = 8;
const A = 1;
const AAAA = 28;
const IN = 1;
const CHAOS = 3;

/** `hash` is the same for all names by default, so that names have to be compared. */
function queryFor(name: string, type = A, questionClass = IN, hash = 5): Query {
  const query = new Query();
  const wire = nameToWire(name);
  query.nameBytes.fill(0);
  query.nameBytes.set(wire);
  query.nameLength = wire.length;
  query.type = type;
  query.class = questionClass;
  query.hash = hash;
  return query;
}

test("PendingTable.find() tells questions apart by name, type, class, view and variant", () => {
  const table = new PendingTable(CAPACITY, 0);
  const distinct: [query: Query, view: number, variant: number][] = [
    [queryFor("a.example.org."), 0, 0],
    [queryFor("b.example.org."), 0, 0],
    [queryFor("aa.example.org."), 0, 0],
    [queryFor("a.example.org.", AAAA), 0, 0],
    [queryFor("a.example.org.", A, CHAOS), 0, 0],
    [queryFor("a.example.org."), 1, 0],
    [queryFor("a.example.org."), 0, 1],
  ];
  const slots = distinct.map(([query, view, variant]) => {
    assert.equal(table.find(query, view, variant), NO_SLOT);
    return table.open(query, view, variant, 0);
  });
  assert.equal(new Set(slots).size, distinct.length);
  distinct.forEach(([query, view, variant], index) => {
    assert.equal(table.find(query, view, variant), slots[index]);
  });
  table.close(slots[1]!);
  const left = distinct.map(([query, view, variant]) => table.find(query, view, variant));
  assert.deepEqual(
    left,
    slots.map((slot, index) => (index === 1 ? NO_SLOT : slot)),
  );
});

test("PendingTable.open() answers NO_SLOT when it is full, until one is closed", () => {
  const table = new PendingTable(CAPACITY, 0);
  for (let index = 0; index < CAPACITY; index++) table.open(queryFor(`n${index}.`), 0, 0, 0);
  assert.equal(table.usedCount, CAPACITY);
  assert.equal(table.open(queryFor("more."), 0, 0, 0), NO_SLOT);
  assert.equal(table.find(queryFor("more."), 0, 0), NO_SLOT);
  table.close(3);
  assert.equal(table.open(queryFor("more."), 0, 0, 0), 3);
});

test("PendingTable.open() begins every column anew when a slot is used again", () => {
  const table = new PendingTable(1, 0);
  const slot = table.open(queryFor("a.example.org."), 0, 0, 10);
  table.beginAttempt(slot, 1, 2, 0, 1, 10);
  table.endAttempt(slot * ATTEMPTS_MAX);
  const columns = ["triedBits", "attemptCounts", "overTcp", "plain"] as const;
  for (const column of columns) table[column][slot] = 1;
  table.firstWaiters[slot] = 5;
  table.lastWaiters[slot] = 5;
  table.timers.set(slot, 50);
  table.close(slot);
  assert.equal(table.timers.count, 0, "its timer is gone");
  assert.equal(table.open(queryFor("b.example.org."), 0, 0, 20), slot);
  for (const column of columns) assert.equal(table[column][slot], 0, column);
  assert.equal(table.firstWaiters[slot], NO_SLOT);
  assert.equal(table.lastWaiters[slot], NO_SLOT);
  assert.equal(table.startedMs[slot], 20);
});

test("PendingTable.copyName() and hasName() hold for names of every length", () => {
  const label = fc.stringMatching(/^[a-z0-9-]{1,63}$/);
  fc.assert(
    fc.property(fc.array(label, { maxLength: 3 }), (labels) => {
      const query = queryFor(`${labels.join(".")}.`);
      const table = new PendingTable(2, 0);
      table.open(queryFor("other.example.org."), 0, 0, 0);
      const slot = table.open(query, 0, 0, 0);
      const copy = new Int32Array(new SharedArrayBuffer(4 * 70)).fill(-1);
      table.copyName(slot, copy, 2);
      const words = (query.nameLength + 3) >> 2;
      assert.deepEqual([...copy.slice(2, 2 + words)], [...query.name.slice(0, words)]);
      assert.equal(copy[2 + words], -1, "and no word more");
      assert.equal(table.hasName(slot, query.name, query.nameLength), true);
      assert.equal(table.hasName(slot, query.name, query.nameLength + 1), false);
      query.nameBytes[query.nameLength - 1]! ^= 1;
      assert.equal(table.hasName(slot, query.name, query.nameLength), false);
    }),
  );
});

test("PendingTable.findAttempt() finds what was begun and not ended, as a map would", () => {
  const channel = fc.constantFrom(0, 1, 1023);
  const id = fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xffff);
  const begin = fc.record({ kind: fc.constant("begin"), slot: fc.nat(CAPACITY - 1), channel, id });
  const end = fc.record({ kind: fc.constant("end"), attempt: fc.nat(CAPACITY * ATTEMPTS_MAX) });
  const look = fc.record({ kind: fc.constant("look"), channel, id });
  const probe = fc.record({ kind: fc.constant("probe"), upstream: fc.nat(3), channel, id });
  fc.assert(
    fc.property(fc.array(fc.oneof(begin, end, look, probe), { maxLength: 120 }), (steps) => {
      const table = new PendingTable(CAPACITY, 0);
      const model = new Map<number, number>();
      const keyOf = (of: { channel: number; id: number }) => of.channel * 65_536 + of.id;
      for (const step of steps) {
        if ("slot" in step) {
          if (model.has(keyOf(step)) || table.attemptCounts[step.slot] === ATTEMPTS_MAX) continue;
          const attempt = step.slot * ATTEMPTS_MAX + table.attemptCounts[step.slot]!;
          table.beginAttempt(step.slot, step.channel, step.id, 2, 1, 9);
          model.set(keyOf(step), attempt);
          assert.equal(table.probedUpstream(attempt), -1);
        } else if ("upstream" in step) {
          const attempt = table.probeOf(step.upstream);
          if (model.has(keyOf(step)) || [...model.values()].includes(attempt)) continue;
          table.beginProbe(step.upstream, step.channel, step.id);
          model.set(keyOf(step), attempt);
          assert.equal(table.probedUpstream(attempt), step.upstream);
        } else if ("attempt" in step) {
          const open = [...model].find(([, attempt]) => attempt === step.attempt);
          const expected = open === undefined ? -1 : Math.floor(open[0] / 65_536);
          assert.equal(table.endAttempt(step.attempt), expected);
          if (open !== undefined) model.delete(open[0]);
        } else {
          const found = table.findAttempt(step.channel, step.id);
          assert.equal(found, model.get(keyOf(step)) ?? NO_ATTEMPT);
          assert.equal(table.hasAttempt(step.channel, step.id), model.has(keyOf(step)));
        }
      }
    }),
  );
});

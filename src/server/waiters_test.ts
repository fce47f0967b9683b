import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Slab } from "../sys/slab.ts";
import { Query } from "../wire/query.ts";
import { Client, TRANSPORT_TCP, TRANSPORT_UDP } from "./client.ts";
import { NO_WAITER, Waiters } from "./waiters.ts";

const FLAG_BITS = { recursionDesired: 0x0100, authenticData: 0x0020, checkingDisabled: 0x0010 };
const QUESTION_AT = 64;
const NAME_AT = 512;
const CONTROL_AT = 640;
const SOURCE_BYTES = 1024;

function fixture(capacity: number) {
  const slab = new Slab(new SharedArrayBuffer(64 * 1024), 0n);
  slab.carve(SOURCE_BYTES);
  return { slab, waiters: new Waiters(slab, capacity) };
}

/** Everything about a waiter that comes back. */
const drawnWaiter = fc.record({
  id: fc.nat(0xffff),
  flags: fc.nat(0xffff),
  question: fc.uint8Array({ minLength: 5, maxLength: 259 }),
  hasOpt: fc.nat(1),
  dnssecOk: fc.nat(1),
  udpSizeBytes: fc.integer({ min: 512, max: 0xffff }),
  transport: fc.constantFrom(TRANSPORT_UDP, TRANSPORT_TCP),
  listener: fc.nat(0xffff),
  scope: fc.integer({ min: -1, max: 0xf_ffff }),
  connection: fc.nat(1023),
  generation: fc.nat(0x7fff_ffff),
  queryBytes: fc.nat(0xffff),
  name: fc
    .constantFrom(16, 28)
    .chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
  control: fc.uint8Array({ maxLength: 64 }),
  startedMs: fc.nat(),
});

test("Waiters.load() gives back what add() was given, for many at once", () => {
  fc.assert(
    fc.property(fc.array(drawnWaiter, { minLength: 1, maxLength: 12 }), (drawn) => {
      const { slab, waiters } = fixture(12);
      const query = new Query();
      const client = new Client();
      const numbers = drawn.map((one) => {
        slab.bytes.set(one.question, QUESTION_AT);
        slab.bytes.set(one.name, NAME_AT);
        slab.bytes.set(one.control, CONTROL_AT);
        const { id, flags, hasOpt, dnssecOk, udpSizeBytes } = one;
        const questionLength = one.question.length;
        Object.assign(query, { id, flags, hasOpt, dnssecOk, udpSizeBytes, questionLength });
        query.questionOffset = QUESTION_AT;
        const { transport, listener, scope, connection, generation, queryBytes } = one;
        const reached = { transport, listener, scope, connection, generation, queryBytes };
        Object.assign(client, reached);
        Object.assign(client, { nameOffset: NAME_AT, nameBytes: one.name.length });
        Object.assign(client, { controlOffset: CONTROL_AT, controlBytes: one.control.length });
        return waiters.add(query, client, one.startedMs);
      });
      slab.bytes.fill(0xee, 0, SOURCE_BYTES);
      drawn.forEach((one, index) => {
        const waiter = numbers[index]!;
        waiters.load(waiter, query, client);
        const piece = (at: number, length: number) => slab.bytes.slice(at, at + length);
        assert.deepEqual(piece(query.questionOffset, query.questionLength), one.question);
        assert.deepEqual(piece(client.nameOffset, client.nameBytes), one.name);
        assert.deepEqual(piece(client.controlOffset, client.controlBytes), one.control);
        assert.equal(query.nameLength, one.question.length - 4);
        for (const field of ["id", "flags", "hasOpt", "dnssecOk", "udpSizeBytes"] as const) {
          assert.equal(query[field], one[field], field);
        }
        for (const field of ["transport", "listener", "scope", "connection"] as const) {
          assert.equal(client[field], one[field], field);
        }
        assert.equal(client.generation, one.generation);
        assert.equal(client.queryBytes, one.queryBytes);
        for (const [field, bit] of Object.entries(FLAG_BITS)) {
          const expected = (one.flags & bit) === 0 ? 0 : 1;
          assert.equal(query[field as keyof typeof FLAG_BITS], expected, field);
        }
        assert.equal(waiters.startedMs[waiter], one.startedMs);
        assert.equal(waiters.next[waiter], NO_WAITER);
        assert.deepEqual(
          piece(waiters.questionOffset(waiter), waiters.questionBytes(waiter)),
          one.question,
        );
      });
    }),
    { numRuns: 50 },
  );
});

test("Waiters.add() answers NO_WAITER when all places are taken, until one is released", () => {
  const { waiters } = fixture(2);
  const [query, client] = [new Query(), new Client()];
  const first = waiters.add(query, client, 0);
  waiters.next[first] = waiters.add(query, client, 0);
  assert.equal(waiters.add(query, client, 0), NO_WAITER);
  assert.equal(waiters.usedCount, 2);
  waiters.release(first);
  assert.equal(waiters.usedCount, 1);
  assert.equal(waiters.add(query, client, 0), first);
  assert.equal(waiters.next[first], NO_WAITER, "it is in no list");
});

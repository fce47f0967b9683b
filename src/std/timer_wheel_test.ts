import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TimerWheel } from "./timer_wheel.ts";

const CAPACITY = 12;

function expired(wheel: TimerWheel, nowMs: number): number[] {
  const numbers: number[] = [];
  for (let number = wheel.expire(nowMs); number >= 0; number = wheel.expire(nowMs)) {
    numbers.push(number);
  }
  return numbers;
}

const timerStep = fc.oneof(
  fc.record({
    kind: fc.constant("set" as const),
    number: fc.nat(CAPACITY - 1),
    inMs: fc.oneof(
      fc.double({ min: -50, max: 500, noNaN: true }),
      fc.integer({ max: 9000, min: 0 }),
    ),
  }),
  fc.record({ kind: fc.constant("cancel" as const), number: fc.nat(CAPACITY - 1) }),
  fc.record({
    kind: fc.constant("pass" as const),
    ms: fc.oneof(fc.double({ min: 0, max: 60, noNaN: true }), fc.integer({ min: 0, max: 5000 })),
  }),
);

test("a timer never fires early and at most one tick late, whatever happens around it", () => {
  const steps = fc.array(timerStep, { maxLength: 120 });
  const shape = fc.constantFrom<[tickMs: number, size: number]>(
    [10, 8],
    [1, 16],
    [10, 512],
    [7, 4],
  );
  fc.assert(
    fc.property(
      steps,
      shape,
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      (list, shape, start) => {
        const [tickMs, wheelSize] = shape;
        let nowMs = start;
        const wheel = new TimerWheel(CAPACITY, tickMs, wheelSize, nowMs);
        const due = new Map<number, number>();
        for (const step of list) {
          if (step.kind === "set") {
            wheel.set(step.number, nowMs + step.inMs);
            // Setting one for the past is asking for the next tick.
            due.set(step.number, Math.max(nowMs + step.inMs, nowMs));
          } else if (step.kind === "cancel") {
            wheel.cancel(step.number);
            due.delete(step.number);
          } else {
            nowMs += step.ms;
            for (const number of expired(wheel, nowMs)) {
              const atMs = due.get(number);
              assert.ok(atMs !== undefined, `timer ${number} was not set`);
              // Those set for the past may fire at any time.
              assert.ok(atMs <= nowMs, `timer ${number} fired ${atMs - nowMs} ms early`);
              due.delete(number);
            }
            for (const [number, atMs] of due) {
              assert.ok(nowMs - atMs <= tickMs, `timer ${number} is ${nowMs - atMs} ms late`);
            }
          }
          assert.equal(wheel.count, due.size);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("expire() allows timers to be set and cancelled between its calls", () => {
  const wheel = new TimerWheel(8, 10, 8, 0);
  for (let number = 0; number < 6; number++) wheel.set(number, 25);
  const first = wheel.expire(40);
  const others = [0, 1, 2, 3, 4, 5].filter((number) => number !== first);
  wheel.cancel(others[0]!);
  wheel.set(others[1]!, 90);
  wheel.set(first, 200);
  assert.deepEqual(expired(wheel, 40).sort(), others.slice(2));
  assert.deepEqual(expired(wheel, 90), [others[1]]);
  assert.deepEqual(expired(wheel, 199), []);
  assert.deepEqual(expired(wheel, 200), [first]);
  assert.equal(wheel.count, 0);
});

test("a timer set while its own tick is being expired fires in the next one", () => {
  const wheel = new TimerWheel(2, 10, 8, 0);
  wheel.set(0, 10);
  assert.equal(wheel.expire(15), 0);
  wheel.set(0, 12);
  assert.equal(wheel.expire(15), -1);
  assert.equal(wheel.expire(20), 0);
});

test("timers more than a turn away wait for their turn, also after a long pause", () => {
  const wheel = new TimerWheel(3, 10, 4, 0);
  wheel.set(0, 1000);
  wheel.set(1, 30);
  wheel.set(2, 5000);
  assert.deepEqual(expired(wheel, 999), [1]);
  assert.deepEqual(expired(wheel, 4990), [0]);
  assert.deepEqual(expired(wheel, 1e9), [2]);
});

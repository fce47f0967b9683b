import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConsolidatePlan } from "../../handoff/plan.ts";
import { Consolidation, type ConsolidationLine, goDuration } from "./consolidation.ts";

const TIMEOUTS: ConsolidatePlan = {
  periodMs: 30_000,
  pattern: ".* i/o timeout$",
  level: "warning",
  showFirst: false,
};

function fixture() {
  const printed: ConsolidationLine[] = [];
  const timers: { ms: number; callback: () => void; isOff: boolean }[] = [];
  const consolidation = new Consolidation(
    (line) => printed.push(line),
    (ms, callback) => {
      const timer = { ms, callback, isOff: false };
      timers.push(timer);
      return () => {
        timer.isOff = true;
      };
    },
  );
  const take = (error: string, consolidate: readonly ConsolidatePlan[] = [TIMEOUTS], id = 1) =>
    consolidation
      .take({ id, consolidate }, { line: `2 example.org. A: ${error}`, error })
      .map(({ level, text }) => `${level} ${text}`);
  return { printed, timers, consolidation, take };
}

test("Consolidation.take() counts what matches and lets all others pass", () => {
  const { printed, timers, take } = fixture();
  assert.deepEqual(take("read udp 192.0.2.1:53: i/o timeout"), []);
  assert.deepEqual(take("read udp 192.0.2.2:53: i/o timeout"), []);
  assert.deepEqual(take("connection refused"), ["error 2 example.org. A: connection refused"]);
  assert.deepEqual(
    timers.map(({ ms }) => ms),
    [30_000],
  );
  assert.deepEqual(printed, []);
  timers[0]!.callback();
  const text = "2 errors like '.* i/o timeout$' occurred in last 30s";
  assert.deepEqual(printed, [{ level: "warning", text }]);
  // A new period begins with the next error.
  assert.deepEqual(take("a i/o timeout"), []);
  assert.equal(timers.length, 2);
});

test("Consolidation.take() gives an error to the first pattern that matches", () => {
  const { timers, printed, take } = fixture();
  const all = { ...TIMEOUTS, periodMs: 60_000, pattern: "^read" };
  take("read: i/o timeout", [TIMEOUTS, all]);
  take("read: refused", [TIMEOUTS, all]);
  take("read: refused", [TIMEOUTS, all]);
  for (const { callback } of timers) callback();
  assert.deepEqual(
    printed.map(({ text }) => text),
    [
      "1 errors like '.* i/o timeout$' occurred in last 30s",
      "2 errors like '^read' occurred in last 1m0s",
    ],
  );
});

test("Consolidation.take() says the first error with show_first, and no summary of it alone", () => {
  const { timers, printed, take } = fixture();
  const plan = { ...TIMEOUTS, showFirst: true };
  assert.deepEqual(take("a i/o timeout", [plan]), ["warning 2 example.org. A: a i/o timeout"]);
  timers[0]!.callback();
  assert.deepEqual(printed, []);
  take("a i/o timeout", [plan]);
  assert.deepEqual(take("b i/o timeout", [plan]), []);
  timers[1]!.callback();
  const text = "2 errors like '.* i/o timeout$' occurred in last 30s";
  assert.deepEqual(printed, [{ level: "warning", text }] as ConsolidationLine[]);
});

test("Consolidation.take() counts server blocks apart", () => {
  const { timers, take } = fixture();
  take("a i/o timeout", [TIMEOUTS], 1);
  take("a i/o timeout", [TIMEOUTS], 2);
  // The same pattern after a change of the configuration goes on counting.
  take("a i/o timeout", [{ ...TIMEOUTS }], 2);
  assert.equal(timers.length, 2);
});

test("Consolidation.stop() says what has been counted and ends the periods", () => {
  const { timers, consolidation, take } = fixture();
  take("a i/o timeout");
  assert.deepEqual(
    consolidation.stop().map(({ text }) => text),
    ["1 errors like '.* i/o timeout$' occurred in last 30s"],
  );
  assert.equal(timers[0]!.isOff, true);
  assert.deepEqual(consolidation.stop(), []);
  assert.deepEqual(take("a i/o timeout"), ["error 2 example.org. A: a i/o timeout"]);
});

test("goDuration() is what Go prints", () => {
  const cases: [ms: number, text: string][] = [
    [250, "250ms"],
    [1000, "1s"],
    [1500, "1.5s"],
    [300_000, "5m0s"],
    [3_600_000, "1h0m0s"],
    [90_061_000, "25h1m1s"],
  ];
  for (const [ms, text] of cases) assert.equal(goDuration(ms), text);
});

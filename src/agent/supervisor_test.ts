import assert from "node:assert/strict";
import { test } from "node:test";
import type { ThreadTimes } from "../sys/thread_times.ts";
import { SUPERVISE_MS, Supervisor, type Verdict } from "./supervisor.ts";

interface Look {
  /** Age of the heartbeat, ms. */
  readonly ageMs: number;
  readonly state?: string;
  readonly cpuMs?: number;
  /** Since the look before; default SUPERVISE_MS. */
  readonly afterMs?: number;
  readonly expected: Verdict;
}

function check(looks: readonly Look[]): void {
  let times: ThreadTimes | null = null;
  const supervisor = new Supervisor(() => times);
  let nowMs = 100_000;
  supervisor.look(nowMs, []);
  looks.forEach(({ ageMs, state = "R", cpuMs = 0, afterMs = SUPERVISE_MS, expected }, index) => {
    nowMs += afterMs;
    times = state === "gone" ? null : { state, cpuMs };
    const worker = { number: 1, threadId: 7, heartbeatMs: nowMs - ageMs };
    assert.equal(supervisor.look(nowMs, [worker]).get(1), expected, `look ${index + 1}`);
  });
}

test("look() finds a worker spinning at the third miss, when it has had CPU since the first", () => {
  check([
    { ageMs: 100, expected: "fine" },
    { ageMs: 400, cpuMs: 1000, expected: "late" },
    { ageMs: 800, cpuMs: 1400, expected: "late" },
    { ageMs: 1200, cpuMs: 1800, expected: "spinning" },
  ]);
});

test("look() finds a worker stuck when it sleeps, waits or is stopped", () => {
  for (const state of ["S", "D", "t", "T"]) {
    check([
      { ageMs: 400, state, cpuMs: 1000, expected: "late" },
      { ageMs: 800, state, cpuMs: 1000, expected: "late" },
      { ageMs: 1200, state, cpuMs: 1000, expected: "stuck" },
    ]);
  }
  check([{ ageMs: 400, state: "gone", expected: "stuck" }]);
});

test("look() leaves a worker alone that would run and gets no CPU", () => {
  const throttled = [1, 2, 3, 4, 5, 6, 7].map((miss) => ({
    ...{ ageMs: miss * 400, cpuMs: 1000 + miss * 20, expected: "late" as const },
  }));
  check(throttled);
});

test("look() leaves a worker alone that is slow, and comes round between two looks", () => {
  // Each of these passes is another one: the heartbeat is old, but not the same.
  check(
    Array.from({ length: 7 }, () => ({ ageMs: 350, cpuMs: 1000, state: "S", expected: "late" })),
  );
  check([1, 2, 3, 4].map((miss) => ({ ageMs: 390, cpuMs: miss * 400, expected: "late" })));
});

test("look() finds a worker spinning on a busy machine, where we are late ourselves", () => {
  check([
    { ageMs: 700, cpuMs: 0, afterMs: 700, expected: "late" },
    { ageMs: 1400, cpuMs: 150, afterMs: 700, expected: "late" },
    { ageMs: 2100, cpuMs: 300, afterMs: 700, expected: "spinning" },
  ]);
});

test("look() finds nobody stuck who has had CPU, or while we were late ourselves", () => {
  const stopped = { state: "T", cpuMs: 1000, expected: "late" } as const;
  check([
    { ...stopped, ageMs: 400 },
    { ...stopped, ageMs: 800 },
    { ...stopped, ageMs: 1200, cpuMs: 1020 },
    { ...stopped, ageMs: 1600, cpuMs: 1020 },
    { ...stopped, ageMs: 2600, cpuMs: 1020, afterMs: 1000 },
    { ...stopped, ageMs: 3000, cpuMs: 1020 },
    { ...stopped, ageMs: 3400, cpuMs: 1020 },
    { ...stopped, ageMs: 3800, cpuMs: 1020, expected: "stuck" },
  ]);
});

test("look() begins anew when the worker comes round", () => {
  check([
    { ageMs: 400, cpuMs: 0, expected: "late" },
    { ageMs: 800, cpuMs: 400, expected: "late" },
    { ageMs: 50, cpuMs: 800, expected: "fine" },
    { ageMs: 400, cpuMs: 1200, expected: "late" },
    { ageMs: 800, cpuMs: 1600, expected: "late" },
    { ageMs: 1200, cpuMs: 2000, expected: "spinning" },
  ]);
});

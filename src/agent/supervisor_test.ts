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
      { ageMs: 1200, state, cpuMs: 1010, expected: "stuck" },
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

test("look() begins anew when the worker comes round, and when we were late ourselves", () => {
  check([
    { ageMs: 400, cpuMs: 0, expected: "late" },
    { ageMs: 800, cpuMs: 400, expected: "late" },
    { ageMs: 50, cpuMs: 800, expected: "fine" },
    { ageMs: 400, cpuMs: 1200, expected: "late" },
    { ageMs: 800, cpuMs: 1600, expected: "late" },
    { ageMs: 1800, cpuMs: 2600, afterMs: 1000, expected: "late" },
  ]);
});

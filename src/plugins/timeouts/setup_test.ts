import assert from "node:assert/strict";
import { test } from "node:test";
import type { TimeoutsPlan } from "../../handoff/plan.ts";
import { readSetup } from "../testing.ts";
import { timeoutsSetup } from "./setup.ts";

test("timeouts: what is written is set, and nothing else", () => {
  const cases: [directives: string, timeouts: Partial<TimeoutsPlan>][] = [
    ["timeouts {\nread 1s\n}", { readMs: 1000 }],
    [
      "timeouts {\nread 10s\nwrite 20s\nidle 24h\n}",
      { readMs: 10_000, writeMs: 20_000, idleMs: 86_400_000 },
    ],
    ["timeouts {\nidle 1m\nidle 2m\n}", { idleMs: 120_000 }],
  ];
  for (const [directives, timeouts] of cases) {
    const { view, problems } = readSetup(timeoutsSetup, directives);
    assert.deepEqual(problems, []);
    assert.deepEqual(view.timeouts, timeouts, directives);
  }
});

test("timeouts: what does not fit is reported", () => {
  const expected = "expected a duration from 1s to 24h, got";
  const cases: [directives: string, problems: string[]][] = [
    ["timeouts", ["2: Missing options: expected read, write or idle in braces"]],
    [
      "timeouts 5s",
      ['2: Unexpected "5s" after "timeouts": expected timeouts and options in braces'],
    ],
    [
      "timeouts {\nread 999ms\nwrite 25h\nidle\nidel 5s\n}",
      [
        `3: Cannot read DURATION of read: ${expected} "999ms"`,
        `4: Cannot read DURATION of write: ${expected} "25h"`,
        '5: Missing argument after "idle": expected idle DURATION',
        '6: Unknown option "idel": did you mean "idle"?',
      ],
    ],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(timeoutsSetup, directives).problems, problems, directives);
  }
});

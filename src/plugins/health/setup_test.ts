import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { healthSetup } from "./setup.ts";

test("health: address and lameduck, or CoreDNS' own", () => {
  const cases: [directive: string, address: string, lameduckMs: number][] = [
    ["health", ":8080", 0],
    ["health 169.254.20.10:8080", "169.254.20.10:8080", 0],
    ["health {\nlameduck 5s\n}", ":8080", 5000],
    ["health localhost:8091 {\nlameduck 1m30s\n}", "localhost:8091", 90_000],
  ];
  for (const [directive, address, lameduckMs] of cases) {
    const { settings, problems } = readSetup(healthSetup, directive);
    assert.deepEqual(problems, [], directive);
    assert.deepEqual(settings, { address, lameduckMs });
  }
});

test("health: what does not fit is reported", () => {
  const expected = "expected a duration from 0s to 1h, such as 5s";
  const cases: [directives: string, problem: string][] = [
    ["health {\nlameduck\n}", '3: Missing argument after "lameduck": expected lameduck DURATION'],
    [
      "health {\nlameduck 5\n}",
      `3: Cannot read lameduck: ${expected}, got "5": did you mean "5s"?`,
    ],
    ["health {\nlameduck -5s\n}", `3: Cannot read lameduck: ${expected}, got "-5s"`],
    ["health {\nwait 5s\n}", '3: Unknown option "wait": expected lameduck'],
  ];
  for (const [directives, problem] of cases) {
    assert.deepEqual(readSetup(healthSetup, directives).problems, [problem], directives);
  }
});

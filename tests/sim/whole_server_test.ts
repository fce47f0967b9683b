/** A few seeds of the whole-server simulation; `SEED=n` plays one, `SEEDS=n` so many. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { simulate } from "./whole_server.ts";

const SMOKE_SEEDS = 6;
const ROUNDS = 400;

/** Seeds to play: the one asked for, or some fixed and some new ones. */
function seeds(): number[] {
  const asked = process.env["SEED"];
  if (asked !== undefined) return [Number(asked)];
  const count = Number(process.env["SEEDS"] ?? SMOKE_SEEDS);
  const fresh = () => Math.floor(Math.random() * 2 ** 31);
  return Array.from({ length: count }, (_, index) => (index < count / 2 ? index + 1 : fresh()));
}

for (const seed of seeds()) {
  test(`simulate() finds no violation with SEED=${seed}`, () => {
    const report = simulate({ seed, rounds: ROUNDS });
    const replay = `SEED=${seed} node --test tests/sim/whole_server_test.ts`;
    assert.deepEqual(report.violations.slice(0, 10), [], `replay: ${replay}`);
    // A world in which nothing ever works would break no rule either.
    assert.ok(report.right > report.asked / 4, `${report.right} of ${report.asked} right`);
    assert.ok(report.hits > 0 && report.upstreamQueries > 0, `replay: ${replay}`);
  });
}

test("simulate() repeats for a seed", () => {
  const [first, second] = [simulate({ seed: 3, rounds: 60 }), simulate({ seed: 3, rounds: 60 })];
  assert.deepEqual(first, second);
});

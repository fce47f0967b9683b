/** A few seeds of the simulation of reloads; `SEED=n` plays one, `SEEDS=n` so many. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { simulateReloads } from "./reloads.ts";

const SMOKE_SEEDS = 6;
const ROUNDS = 300;

/** Seeds to play: the one asked for, or some fixed and some new ones. */
function seeds(): number[] {
  const asked = process.env["SEED"];
  if (asked !== undefined) return [Number(asked)];
  const count = Number(process.env["SEEDS"] ?? SMOKE_SEEDS);
  const fresh = () => Math.floor(Math.random() * 2 ** 31);
  return Array.from({ length: count }, (_, index) => (index < count / 2 ? index + 1 : fresh()));
}

for (const seed of seeds()) {
  test(`simulateReloads() finds no violation with SEED=${seed}`, () => {
    const report = simulateReloads(seed, ROUNDS);
    const replay = `SEED=${seed} node --test tests/sim/reloads_test.ts`;
    assert.deepEqual(report.violations.slice(0, 10), [], `replay: ${replay}`);
    // A world in which nothing ever works would break no rule either.
    const { answered, asked, hits, reloads, upstreamQueries } = report;
    assert.ok(answered > asked / 2, `${answered} of ${asked} answered`);
    assert.ok(reloads > ROUNDS / 5 && hits > 0 && upstreamQueries > 0, `replay: ${replay}`);
  });
}

test("simulateReloads() repeats for a seed", () => {
  assert.deepEqual(simulateReloads(3, 60), simulateReloads(3, 60));
});

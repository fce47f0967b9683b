import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  FORWARD_DEFAULTS,
  type ForwardPlan,
  POLICY_RANDOM,
  POLICY_ROUND_ROBIN,
  POLICY_SEQUENTIAL,
} from "../handoff/plan.ts";
import { ATTEMPTS_MAX } from "../limits.ts";
import { Prng } from "../std/prng.ts";
import { RandomPool } from "../std/random_pool.ts";
import { foldWireName, nameToWire } from "../wire/name.ts";
import { NO_UPSTREAM, Route } from "./route.ts";
import { UPSTREAM_DEFAULTS, Upstream } from "./upstream.ts";

const HEALTH = { intervalMs: 500, recursionDesired: true, domain: "." };
const ALL = 0x7fff;

function forwardPlan(parts: Partial<ForwardPlan>): ForwardPlan {
  return {
    ...FORWARD_DEFAULTS,
    from: ".",
    upstreams: [],
    policy: POLICY_SEQUENTIAL,
    maxFails: 1,
    healthCheck: HEALTH,
    ...parts,
  };
}

/** A route to `count` upstreams, of which those in `down` are down. */
function routeTo(count: number, parts: Partial<ForwardPlan> = {}, down: readonly number[] = []) {
  const settings = { ...UPSTREAM_DEFAULTS, maxFails: 1 };
  const known = Array.from({ length: count }, (_, index) => {
    return new Upstream({ address: `192.0.2.${index + 1}`, port: 53, ...settings });
  });
  for (const index of down) for (const nowMs of [0, 0]) known[index]!.noteFailure(nowMs);
  const prng = new Prng(7);
  const random = new RandomPool((target) => {
    for (let at = 0; at < target.length; at++) target[at] = prng.below(256);
  });
  const upstreams = known.map((_, index) => index);
  return new Route(0, forwardPlan(parts), upstreams, known, random);
}

function nameOf(name: string): [name: Uint8Array, nameLength: number] {
  const wire = foldWireName(nameToWire(name));
  return [wire, wire.length];
}

test("Route.takes() what is in `from` and in none of `except`", () => {
  const plan = { from: "example.org.", except: ["a.example.org.", "b.c.example.org."] };
  const route = routeTo(1, plan);
  const cases: [name: string, taken: boolean][] = [
    ["example.org.", true],
    ["EXAMPLE.org.", true],
    ["www.example.org.", true],
    ["c.example.org.", true],
    ["xa.example.org.", true],
    ["a.example.org.", false],
    ["x.a.example.org.", false],
    ["b.c.example.org.", false],
    ["notexample.org.", false],
    ["org.", false],
    [".", false],
  ];
  for (const [name, taken] of cases) assert.equal(route.takes(...nameOf(name)), taken, name);
  assert.equal(routeTo(1).takes(...nameOf(".")), true);
});

test("Route.isFull() at maxConcurrent questions, never when that is 0", () => {
  const limited = routeTo(1, { maxConcurrent: 2 });
  const unlimited = routeTo(1);
  const full = [0, 1, 2, 3].map((count) => {
    limited.inFlightCount = count;
    unlimited.inFlightCount = count;
    return [limited.isFull(), unlimited.isFull()];
  });
  assert.deepEqual(
    full,
    [false, false, true, true].map((isFull) => [isFull, false]),
  );
});

test("Route.failsOverOn() the rcodes that were named", () => {
  const route = routeTo(2, { failoverRcodes: [3, 31] });
  const named = Array.from({ length: 70 }, (_, rcode) => rcode).filter((rcode) =>
    route.failsOverOn(rcode),
  );
  assert.deepEqual(named, [3, 31]);
});

test("Route.choose() in order with the sequential policy", () => {
  const cases: [count: number, tried: number, down: number[], chosen: number][] = [
    [3, 0b000, [], 0],
    [3, 0b001, [], 1],
    [3, 0b011, [], 2],
    [3, 0b111, [], 0],
    [3, 0b000, [0], 1],
    [3, 0b010, [0], 2],
    // All that are up were tried: once more, rather than one that is down.
    [3, 0b110, [0], 1],
    // Nobody is up: one that was not tried.
    [3, 0b000, [0, 1, 2], 0],
    [3, 0b001, [0, 1, 2], 1],
    [3, 0b111, [0, 1, 2], 0],
    [1, 0b0, [0], 0],
    [1, 0b1, [], 0],
  ];
  for (const [count, tried, down, chosen] of cases) {
    const text = `${count} upstreams, tried ${tried.toString(2)}, down ${down}`;
    assert.equal(routeTo(count, {}, down).choose(tried), chosen, text);
  }
});

test("Route.choose() in turn with round robin", () => {
  const route = routeTo(3, { policy: POLICY_ROUND_ROBIN });
  const chosen = Array.from({ length: 6 }, () => route.choose(0));
  assert.deepEqual(chosen, [1, 2, 0, 1, 2, 0]);
});

test("Route.choose() each upstream about as often with the random policy", () => {
  const route = routeTo(4, { policy: POLICY_RANDOM });
  const counts = [0, 0, 0, 0];
  for (let draw = 0; draw < 4000; draw++) counts[route.choose(0)]! += 1;
  for (const count of counts) assert.ok(count > 850 && count < 1150, `counts are ${counts}`);
});

test("Route.choose() answers NO_UPSTREAM when all are down and it is to fail fast", () => {
  const plan = { failfastAllUnhealthy: true };
  assert.equal(routeTo(2, plan, [0, 1]).choose(0), NO_UPSTREAM);
  assert.equal(routeTo(2, plan, [0]).choose(0), 1);
  assert.equal(routeTo(2, plan, [0]).choose(ALL), 1, "the one that is up, again");
});

test("Route.choose() takes who is up and fresh if there is one, with every policy", () => {
  const policies = [POLICY_RANDOM, POLICY_ROUND_ROBIN, POLICY_SEQUENTIAL];
  const count = fc.integer({ min: 1, max: 15 });
  fc.assert(
    fc.property(count, fc.constantFrom(...policies), fc.nat(ALL), fc.nat(ALL), (...drawn) => {
      const [upstreams, policy, tried, downBits] = drawn;
      const positions = Array.from({ length: upstreams }, (_, position) => position);
      const down = positions.filter((position) => ((downBits >> position) & 1) === 1);
      const route = routeTo(upstreams, { policy }, down);
      const up = positions.filter((position) => !down.includes(position));
      const isFresh = (position: number) => ((tried >> position) & 1) === 0;
      const classes = [up.filter(isFresh), up, positions.filter(isFresh), positions];
      const best = classes.find((members) => members.length > 0)!;
      assert.ok(best.includes(route.choose(tried)));
      assert.equal(route.hasFresh(tried), up.some(isFresh));
    }),
  );
});

test("Route.handsOn() the codes of `next`, and an empty answer by `next_on_nodata`", () => {
  const route = routeTo(1, { nextRcodes: [3, 5], nextOnNodata: true });
  const given = [0, 1, 2, 3, 4, 5, 23].map((rcode) => route.handsOn(rcode, 0));
  assert.deepEqual(given, [true, false, false, true, false, true, false]);
  assert.equal(route.handsOn(0, 1), false);
  assert.equal(routeTo(1).handsOn(0, 0), false);
});

test("Route.attemptsMax is that of max_connect_attempts, within our own", () => {
  const maxima = [0, 1, 3, 99].map((count) => routeTo(1, { maxConnectAttempts: count }));
  assert.deepEqual(
    maxima.map(({ attemptsMax }) => attemptsMax),
    [ATTEMPTS_MAX, 1, 3, ATTEMPTS_MAX],
  );
});

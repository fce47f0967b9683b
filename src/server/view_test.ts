import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyViewPlan, LOG_DENIAL, LOG_ERROR, type ViewPlan } from "../handoff/plan.ts";
import type { Route } from "../upstream/route.ts";
import { foldWireName, nameToWire } from "../wire/name.ts";
import { Query } from "../wire/query.ts";
import { View } from "./view.ts";

const CONTEXT = { randomBelow: () => 0, counter: () => ({ add: () => {}, set: () => {} }) };
const CLASS_PLAN = { capacity: 0, ttlSecMax: 3600, ttlSecMin: 0 };

function viewOf(zones: readonly string[], cached: readonly string[] | null): View {
  return new View(0, viewPlan({ zones, cache: cached === null ? null : cachePlan(cached) }), [], {
    randomBelow: () => 0,
    counter: () => ({ add: () => {}, set: () => {} }),
  });
}

function viewPlan(parts: Partial<ViewPlan>): ViewPlan {
  return { id: 0, ...emptyViewPlan(".:53", ["."]), ...parts };
}

function cachePlan(zones: readonly string[]) {
  return {
    zones,
    success: CLASS_PLAN,
    denial: CLASS_PLAN,
    servfailMs: 5000,
    disableSuccess: [],
    disableDenial: [],
    keepTtl: false,
    prefetch: null,
    stale: null,
  };
}

function queryFor(name: string): Query {
  const query = new Query();
  const wire = foldWireName(nameToWire(name));
  query.nameBytes.set(wire);
  query.nameLength = wire.length;
  return query;
}

test("View.caches() the zones of its cache", () => {
  const zones = ["example.org.", "example.com."];
  const cases: [cached: string[] | null, name: string, caches: boolean][] = [
    [null, "www.example.org.", false],
    [["."], "www.example.org.", true],
    [zones, "www.example.com.", true],
    [["example.org."], "www.example.org.", true],
    [["example.org."], "example.org.", true],
    [["example.org."], "notexample.org.", false],
    [["example.org."], "www.example.com.", false],
    [["a.example.org.", "b.example.org."], "x.b.example.org.", true],
    [["a.example.org.", "b.example.org."], "c.example.org.", false],
  ];
  for (const [cached, name, caches] of cases) {
    const text = `${name} with ${cached}`;
    assert.equal(viewOf(zones, cached).caches(queryFor(name)), caches, text);
  }
  assert.equal(viewOf(zones, null).policy, null);
});

test("View.routeFor() and routeAfter() take the first route that takes the name", () => {
  const route = (number: number, suffix: number) =>
    ({ number, takes: (_: Uint8Array, length: number) => length > suffix }) as unknown as Route;
  const routes = [route(0, 20), route(1, 10), route(2, 5)];
  const view = new View(0, viewPlan({}), routes, CONTEXT);
  const lengths = [21, 11, 6, 5].map((nameLength) => {
    const query = new Query();
    query.nameLength = nameLength;
    return view.routeFor(query)?.number ?? null;
  });
  assert.deepEqual(lengths, [0, 1, 2, null]);
  const name = new Uint8Array(255);
  assert.equal(view.routeAfter(routes[0]!, name, 21)?.number, 1);
  assert.equal(view.routeAfter(routes[0]!, name, 6)?.number, 2);
  assert.equal(view.routeAfter(routes[2]!, name, 21), null);
});

test("View.logClasses is what any of its log lines asks for", () => {
  const log = [LOG_DENIAL, LOG_ERROR].map((classes) => ({ zones: ["."], format: "", classes }));
  assert.equal(new View(0, viewPlan({ log }), [], CONTEXT).logClasses, LOG_DENIAL | LOG_ERROR);
  assert.equal(new View(0, viewPlan({}), [], CONTEXT).logClasses, 0);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { queryBytes } from "../../tests/support/query_bytes.ts";
import { Query, readQuery } from "../wire/query.ts";
import { NO_SCOPE, ZoneRouter } from "./zone_router.ts";

/** The scope for `name`, found in a query as it comes from a client. */
function find(router: ZoneRouter, name: string): number {
  const query = new Query();
  const { bytes, view } = queryBytes(name);
  readQuery(bytes, view, 0, bytes.length, 1, query);
  return router.find(query.nameBytes, query.nameLength, query.labels, query.labelCount);
}

function routerFor(zones: readonly string[]): ZoneRouter {
  return new ZoneRouter(zones.map((zone, scope) => ({ zone, view: 0, scope })));
}

test("ZoneRouter.find() takes the longest zone that holds the name", () => {
  const zones = [".", "org.", "example.org.", "a.b.example.org.", "com."];
  const cases: [name: string, zone: string][] = [
    [".", "."],
    ["net.", "."],
    ["org.", "org."],
    ["ORG.", "org."],
    ["xorg.", "."],
    ["example.org.", "example.org."],
    ["www.Example.Org.", "example.org."],
    ["wwwexample.org.", "org."],
    ["b.example.org.", "example.org."],
    ["a.b.example.org.", "a.b.example.org."],
    ["x.y.a.b.example.org.", "a.b.example.org."],
    ["example.org.com.", "com."],
  ];
  const router = routerFor(zones);
  for (const [name, zone] of cases) assert.equal(zones[find(router, name)], zone, name);
  // What a zone is below is no zone, and a dot may be part of a label.
  const odd = routerFor([".", "a.b.c.", "x\\..org."]);
  assert.deepEqual(
    ["c.", "b.c.", "z.b.c.", "a.b.c.", "z.a.b.c.", "org.", "x\\..org.", "y.x\\..org."].map((name) =>
      find(odd, name),
    ),
    [0, 0, 0, 1, 1, 0, 2, 2],
  );
});

test("ZoneRouter.find() answers NO_SCOPE where no zone holds the name", () => {
  assert.equal(find(routerFor(["example.org."]), "org."), NO_SCOPE);
  assert.equal(find(routerFor(["example.org."]), "example.com."), NO_SCOPE);
  assert.equal(find(routerFor([]), "example.org."), NO_SCOPE);
  assert.equal(find(routerFor(["."]), "example.org."), 0);
});

test("ZoneRouter.find() agrees with a search through all zones", () => {
  const label = fc.constantFrom("a", "b", "A", "ab", "aa");
  const name = fc.array(label, { maxLength: 5 }).map((labels) => `${labels.join(".")}.`);
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 12 }), name, (drawn, asked) => {
      const zones = [...new Set(drawn.map((zone) => zone.toLowerCase()))];
      const folded = asked.toLowerCase();
      const holds = (zone: string) =>
        zone === "." || folded === zone || folded.endsWith(`.${zone}`);
      const [best] = zones.filter(holds).sort((left, right) => right.length - left.length);
      const found = find(routerFor(zones), asked);
      assert.equal(found, best === undefined ? NO_SCOPE : zones.indexOf(best));
    }),
  );
});

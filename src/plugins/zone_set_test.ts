import assert from "node:assert/strict";
import { test } from "node:test";
import { ZoneSet } from "./zone_set.ts";

test("ZoneSet.find() gives the longest zone that holds a name", () => {
  const zones = new ZoneSet(["org.", "a.example.org.", "example.org.", "x\\.y.", "\\122."]);
  const cases: [name: string, zone: string | null][] = [
    ["org.", "org."],
    ["www.org.", "org."],
    ["example.org.", "example.org."],
    ["b.a.example.org.", "a.example.org."],
    ["ba.example.org.", "example.org."],
    ["com.", null],
    [".", null],
    ["w.x\\.y.", "x\\.y."],
    ["w\\.org.", null],
    ["w\\\\.org.", "org."],
    ["a.z.", "z."],
  ];
  for (const [name, zone] of cases) assert.equal(zones.find(name), zone, name);
  assert.equal(new ZoneSet(["."]).find("a.b."), ".");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { capacityTables, nodeLoad, TYPICAL, withCapacityTables } from "./capacity.ts";

test("nodeLoad() asks for a popular name once in its life, for others each time", () => {
  const one = { ...TYPICAL, clusterNames: 30, outsideNames: 0, typesPerName: 1 };
  for (const [changed, toKubeDns] of [
    [{}, 1],
    [{ ttlSec: 5 }, 6],
    [{ prefetchPercent: 50 }, 2],
    [{ typesPerName: 2 }, 2],
    [{ asksPerSec: 100 }, 1],
    [{ asksPerSec: 0.01 }, 0.3],
  ] as const) {
    const load = nodeLoad({ ...one, ...changed }, false);
    assert.ok(Math.abs(load.toKubeDns - toKubeDns) < 1e-9, JSON.stringify(changed));
    assert.equal(load.toOutside, 0);
  }
});

test("nodeLoad() counts what search paths make of names outside, unless that is cut", () => {
  const one = { ...TYPICAL, clusterNames: 0, outsideNames: 10, typesPerName: 1 };
  assert.equal(nodeLoad(one, false).toKubeDns, 6);
  assert.equal(nodeLoad(one, false).asked, 40);
  assert.equal(nodeLoad(one, true).toKubeDns, 0);
  assert.equal(nodeLoad(one, true).asked, 40);
  assert.ok(Math.abs(nodeLoad(one, true).toOutside - 1 / 3) < 1e-9);
});

test("capacityTables() has a row for each size", () => {
  const rows = capacityTables(TYPICAL, [10, 15_000]).split("\n");
  assert.ok(rows.includes("| 10 | 5,000 | 630 | 67 | 33 | 19 |"));
  assert.ok(rows.includes("| 15,000 | 190 | 20 | 10 | 6 | 15,000 | 250 | 150 |"));
});

test("withCapacityTables() says what it cannot find", () => {
  assert.throws(() => withCapacityTables("# a\n"), /Cannot find the tables' place/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { gatePlugin, queryAsking } from "../testing.ts";
import { filterAaaaSetup } from "./setup.ts";

test("FilterAaaaPlugin.deny() denies AAAA in its zones with the SOA of the longest", () => {
  const cases: [question: string, zoneLength: number | null][] = [
    ["www.example.org. AAAA", 13],
    ["example.org. AAAA", 13],
    ["WWW.A.Example.org. AAAA", 15],
    ["www.example.org. A", null],
    ["www.example.org. ANY", null],
    ["org. AAAA", null],
    ["anexample.org. AAAA", null],
  ];
  const counts = {};
  const plugin = gatePlugin(filterAaaaSetup, "filter_aaaa example.org a.example.org", { counts });
  for (const [question, zoneLength] of cases) {
    const denial = plugin.deny(queryAsking(question));
    assert.equal(denial?.zoneLength ?? null, zoneLength, question);
    assert.equal(denial?.rcode ?? 0, 0);
  }
  assert.deepEqual(counts, { nodens_filter_aaaa_filtered_total: 3 });
});

test("FilterAaaaPlugin.deny() denies AAAA of every name in the root", () => {
  const plugin = gatePlugin(filterAaaaSetup, "filter_aaaa");
  assert.equal(plugin.deny(queryAsking(". AAAA"))?.zoneLength, 1);
  assert.equal(plugin.deny(queryAsking("a.b. AAAA"))?.zoneLength, 1);
});

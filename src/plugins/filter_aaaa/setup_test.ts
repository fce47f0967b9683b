import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { filterAaaaSetup } from "./setup.ts";

test("filter_aaaa takes zones, by default those of its server block", () => {
  const cases: [directives: string, zones: string[]][] = [
    ["filter_aaaa", ["example.org.", "example.net."]],
    ["filter_aaaa A.example.org .", ["a.example.org.", "."]],
    ["filter_aaaa a.\nfilter_aaaa b. a.", ["a.", "b."]],
  ];
  for (const [directives, zones] of cases) {
    const options = { zones: ["example.org.", "example.net."] };
    const { settings, view, problems } = readSetup(filterAaaaSetup, directives, options);
    assert.deepEqual(problems, [], directives);
    assert.deepEqual(settings, { zones }, directives);
    assert.deepEqual(view.plugins, [{ plugin: "filter_aaaa", settings: { zones } }]);
  }
});

test("filter_aaaa says what is wrong with its directive", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["filter_aaaa a..b", ['2: Cannot read zone "a..b": expected no empty label']],
    ["filter_aaaa {\nx\n}", ['3: Unknown option "x": "filter_aaaa" takes none']],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(filterAaaaSetup, directives).problems, problems, directives);
  }
});

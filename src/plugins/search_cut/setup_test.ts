import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { searchCutSetup } from "./setup.ts";

test("search_cut takes zones, search domains and the ends of outside names", () => {
  const usual = ["*.svc.cluster.local.", "svc.cluster.local.", "cluster.local."];
  const cases: [directives: string, cuts: object[]][] = [
    [
      "search_cut cluster.local {\nnames com Net\nnames googleapis.com\n}",
      [{ zones: ["cluster.local."], below: usual, names: ["com.", "net.", "googleapis.com."] }],
    ],
    ["search_cut {\nnames com\n}", [{ zones: ["cluster.local."], below: usual, names: ["com."] }]],
    [
      "search_cut cluster.local {\nbelow svc.cluster.local *.a.cluster.local\nnames com\n}",
      [
        {
          zones: ["cluster.local."],
          below: ["svc.cluster.local.", "*.a.cluster.local."],
          names: ["com."],
        },
      ],
    ],
  ];
  for (const [directives, cuts] of cases) {
    const options = { zones: ["cluster.local."] };
    const { settings, problems } = readSetup(searchCutSetup, directives, options);
    assert.deepEqual(problems, [], directives);
    assert.deepEqual(settings, { cuts }, directives);
  }
});

test("search_cut says what is wrong with its directive", () => {
  const cases: [directives: string, problems: string[]][] = [
    [
      "search_cut a.",
      ["2: Missing names: expected the ends of outside names, such as names com net org"],
    ],
    [
      "search_cut {\nnames com\n}",
      [
        '2: Cannot cut names in the zone ".": name the zone of the search domains: search_cut cluster.local { … }',
      ],
    ],
    [
      "search_cut a. {\nnames\n}",
      [
        "2: Missing names: expected the ends of outside names, such as names com net org",
        '3: Missing argument after "names": expected names NAME...',
      ],
    ],
    [
      "search_cut a. {\nnames com\nbelow b.\n}",
      ['4: Cannot cut names below "b.": expected a domain in a.'],
    ],
    [
      "search_cut a. {\nname com\n}",
      [
        "2: Missing names: expected the ends of outside names, such as names com net org",
        '3: Unknown option "name": did you mean "names"?',
      ],
    ],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(searchCutSetup, directives).problems, problems, directives);
  }
});

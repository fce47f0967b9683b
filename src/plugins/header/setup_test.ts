import assert from "node:assert/strict";
import { test } from "node:test";
import { FLAG_AA, FLAG_RA, FLAG_RD } from "../../wire/constants.ts";
import { readSetup } from "../testing.ts";
import { headerSetup } from "./setup.ts";

const NOTHING = { set: 0, clear: 0 };

test("header sets and clears flags, the last line of a flag counts", () => {
  const cases: [lines: string, query: object, response: object][] = [
    ["set ra", NOTHING, { set: FLAG_RA, clear: 0 }],
    ["set ra aa\nclear rd", NOTHING, { set: FLAG_RA | FLAG_AA, clear: FLAG_RD }],
    ["response clear aa", NOTHING, { set: 0, clear: FLAG_AA }],
    ["set aa\nclear aa ra\nset ra", NOTHING, { set: FLAG_RA, clear: FLAG_AA }],
    ["query set rd", { set: FLAG_RD, clear: 0 }, NOTHING],
    ["query clear RD\nresponse SET aa", { set: 0, clear: FLAG_RD }, { set: FLAG_AA, clear: 0 }],
  ];
  for (const [lines, query, response] of cases) {
    const { view, problems } = readSetup(headerSetup, `header {\n${lines}\n}`);
    assert.deepEqual(problems, [], lines);
    assert.deepEqual(view.plugins, [{ plugin: "header", settings: { query, response } }], lines);
  }
});

test("header says what is wrong with its directive", () => {
  const syntax = "[query|response] set|clear FLAGS...";
  const cases: [line: string, problems: string[]][] = [
    ["set", [`3: Missing argument after "set": expected ${syntax}`]],
    ["query", [`3: Missing argument after "query": expected ${syntax}`]],
    ["query set", [`3: Missing argument after "set": expected ${syntax}`]],
    [
      "response sett aa",
      [
        '3: Cannot read the action of header: expected set or clear, got "sett": did you mean "set"?',
      ],
    ],
    [
      "set ad",
      ['3: Cannot read a flag of header: expected aa, ra or rd, got "ad": did you mean "aa"?'],
    ],
    ["unset aa", ['3: Unknown option "unset": expected query, response, set or clear']],
    ["query set aa", ["3: query set of flags other than rd has no effect in this version"]],
  ];
  for (const [line, problems] of cases) {
    assert.deepEqual(readSetup(headerSetup, `header {\n${line}\n}`).problems, problems, line);
  }
  assert.deepEqual(readSetup(headerSetup, "header x").problems, [
    '2: Unexpected "x" after "header": expected header { [query|response] set|clear FLAGS... }',
  ]);
});

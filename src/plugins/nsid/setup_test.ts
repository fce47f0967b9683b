import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { nsidSetup } from "./setup.ts";

test("nsid takes its data, or the name of the machine", () => {
  const cases: [directives: string, data: string | null][] = [
    ["nsid", null],
    ["nsid a", "a"],
    ['nsid "a b"', "a b"],
    ["nsid a b", "a b"],
  ];
  for (const [directives, data] of cases) {
    const { settings, view, problems } = readSetup(nsidSetup, directives);
    assert.deepEqual(problems, [], directives);
    assert.deepEqual(settings, { data }, directives);
    const plan = { plugin: "nsid", settings: { data: data ?? hostname() } };
    assert.deepEqual(view.plugins, [plan]);
  }
});

test("nsid says what is wrong with its directive", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["nsid {\nx\n}", ['3: Unknown option "x": "nsid" takes none']],
    ["nsid\nnsid", ['3: Cannot use "nsid" twice in a server block: already at Corefile:2']],
    [
      `nsid ${"a".repeat(129)}`,
      ["2: Cannot use DATA of nsid: expected at most 128 bytes, got 129"],
    ],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(nsidSetup, directives).problems, problems, directives);
  }
});

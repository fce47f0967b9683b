import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { metadataSetup } from "./setup.ts";

test("metadata: zones are those of the server block unless written", () => {
  const zones = ["example.org.", "example.net."];
  for (const [directive, expected] of [
    ["metadata", zones],
    ["metadata Sub.Example.org", ["sub.example.org."]],
    ["metadata . example.org", [".", "example.org."]],
  ] as const) {
    const { view, problems } = readSetup(metadataSetup, directive, { zones });
    assert.deepEqual(problems, []);
    assert.deepEqual(view.metadata, expected, directive);
  }
});

test("metadata: what does not fit is reported", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["metadata a..b", ['2: Cannot read zone "a..b": expected no empty label']],
    ["metadata {\nx\n}", ['3: Unknown option "x": "metadata" takes none']],
    [
      "metadata\nmetadata",
      ['3: Cannot use "metadata" twice in a server block: already at Corefile:2'],
    ],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(metadataSetup, directives).problems, problems, directives);
  }
});

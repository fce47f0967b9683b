import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { minimalSetup } from "./setup.ts";

test("minimal takes no arguments and no options", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["minimal", []],
    ["minimal x", ['2: Unexpected "x" after "minimal": expected minimal alone']],
    ["minimal {\nx\n}", ['3: Unknown option "x": "minimal" takes none']],
    [
      "minimal\nminimal",
      ['3: Cannot use "minimal" twice in a server block: already at Corefile:2'],
    ],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(minimalSetup, directives).problems, problems, directives);
  }
});

test("minimal is a plugin of the server block", () => {
  const { view } = readSetup(minimalSetup, "minimal");
  assert.deepEqual(view.plugins, [{ plugin: "minimal", settings: {} }]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { anySetup } from "./setup.ts";

test("any takes no arguments and no options", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["any", []],
    ["any x", ['2: Unexpected "x" after "any": expected any alone']],
    ["any {\nx\n}", ['3: Unknown option "x": "any" takes none']],
    ["any\nany", ['3: Cannot use "any" twice in a server block: already at Corefile:2']],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(anySetup, directives).problems, problems, directives);
  }
});

test("any is a plugin of the server block", () => {
  const { view } = readSetup(anySetup, "any");
  assert.deepEqual(view.plugins, [{ plugin: "any", settings: {} }]);
});

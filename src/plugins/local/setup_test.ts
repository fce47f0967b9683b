import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { localSetup } from "./setup.ts";

test("local takes no arguments and no options", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["local", []],
    ["local x", ['2: Unexpected "x" after "local": expected local alone']],
    ["local {\nx\n}", ['3: Unknown option "x": "local" takes none']],
    ["local\nlocal", ['3: Cannot use "local" twice in a server block: already at Corefile:2']],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(localSetup, directives).problems, problems, directives);
  }
});

test("local is a plugin of the server block", () => {
  const { view } = readSetup(localSetup, "local");
  assert.deepEqual(view.plugins, [{ plugin: "local", settings: {} }]);
});

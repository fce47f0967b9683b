import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { loopSetup } from "./setup.ts";

test("loop takes no arguments and no options", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["loop", []],
    ["loop x", ['2: Unexpected "x" after "loop": expected loop alone']],
    ["loop {\nx\n}", ['3: Unknown option "x": "loop" takes none']],
    ["loop\nloop", ['3: Cannot use "loop" twice in a server block: already at Corefile:2']],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(loopSetup, directives).problems, problems, directives);
  }
});

test("loop is a plugin of the server block", () => {
  const { view } = readSetup(loopSetup, "loop");
  assert.deepEqual(view.plugins, [{ plugin: "loop", settings: {} }]);
});

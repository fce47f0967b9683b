import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { whoamiSetup } from "./setup.ts";

test("whoami takes no arguments and no options", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["whoami", []],
    ["whoami x", ['2: Unexpected "x" after "whoami": expected whoami alone']],
    ["whoami {\nx\n}", ['3: Unknown option "x": "whoami" takes none']],
    ["whoami\nwhoami", ['3: Cannot use "whoami" twice in a server block: already at Corefile:2']],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(whoamiSetup, directives).problems, problems, directives);
  }
});

test("whoami is a plugin of the server block", () => {
  const { view } = readSetup(whoamiSetup, "whoami");
  assert.deepEqual(view.plugins, [{ plugin: "whoami", settings: {} }]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { VERSION } from "../../version.ts";
import { readSetup } from "../testing.ts";
import { chaosSetup } from "./setup.ts";

test("chaos takes a version and authors", () => {
  const cases: [directives: string, version: string, authors: string[]][] = [
    ["chaos", `nodens-${VERSION}`, ["nodens"]],
    ["chaos 1.2", "1.2", ["nodens"]],
    ['chaos "my DNS" "A. Author" b', "my DNS", ["A. Author", "b"]],
  ];
  for (const [directives, version, authors] of cases) {
    const { settings, problems } = readSetup(chaosSetup, directives);
    assert.deepEqual(problems, [], directives);
    assert.deepEqual(settings, { version, authors }, directives);
  }
});

test("chaos says what is wrong with its directive", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["chaos {\nx\n}", ['3: Unknown option "x": "chaos" takes none']],
    ["chaos\nchaos", ['3: Cannot use "chaos" twice in a server block: already at Corefile:2']],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(chaosSetup, directives).problems, problems, directives);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { bufsizeSetup } from "./setup.ts";

test("bufsize: the size is 1232 unless written", () => {
  for (const [directive, bytes] of [
    ["bufsize", 1232],
    ["bufsize 512", 512],
    ["bufsize 4096", 4096],
  ] as const) {
    const { view, problems } = readSetup(bufsizeSetup, directive);
    assert.deepEqual(problems, []);
    assert.equal(view.udpBytesMax, bytes, directive);
  }
});

test("bufsize: what does not fit is reported", () => {
  const size = (got: string) =>
    `2: Cannot read SIZE: expected a number of bytes from 512 to 4096, got "${got}"`;
  const cases: [directives: string, problems: string[]][] = [
    ["bufsize 511", [size("511")]],
    ["bufsize 4097", [size("4097")]],
    ["bufsize 1k", [size("1k")]],
    ["bufsize 512 512", ['2: Unexpected "512" after "bufsize": expected bufsize [SIZE]']],
    ["bufsize {\nx\n}", ['3: Unknown option "x": "bufsize" takes none']],
    [
      "bufsize\nbufsize",
      ['3: Cannot use "bufsize" twice in a server block: already at Corefile:2'],
    ],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(bufsizeSetup, directives).problems, problems, directives);
  }
});

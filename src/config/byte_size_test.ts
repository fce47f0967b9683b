import assert from "node:assert/strict";
import { test } from "node:test";
import { formatByteSize, parseByteSize } from "./byte_size.ts";

test("parseByteSize() reads plain bytes and binary units in any spelling", () => {
  const MIB = 1024 * 1024;
  const cases: [string, number | null][] = [
    ["0", 0],
    ["123", 123],
    ["123B", 123],
    ["1k", 1024],
    ["64M", 64 * MIB],
    ["64MiB", 64 * MIB],
    ["64mb", 64 * MIB],
    ["64 MiB", 64 * MIB],
    ["1g", 1024 * MIB],
    ["0.5GiB", 512 * MIB],
    ["1T", 1024 * 1024 * MIB],
    ["", null],
    ["M", null],
    ["-1M", null],
    ["1.M", null],
    ["1X", null],
    ["1Mi5", null],
    ["9007199254740993", null],
  ];
  for (const [text, expected] of cases) assert.equal(parseByteSize(text), expected, text);
});

test("formatByteSize() writes the largest unit that fits", () => {
  assert.equal(formatByteSize(512), "512B");
  assert.equal(formatByteSize(64 * 1024 * 1024), "64MiB");
  assert.equal(formatByteSize(1.5 * 1024 ** 3), "1.5GiB");
});

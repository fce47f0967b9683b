import assert from "node:assert/strict";
import { test } from "node:test";
import { outlineOf } from "./outline.ts";

test("outlineOf() writes small things on a line, and indents the rest", () => {
  const long = Array.from({ length: 12 }, (_, number) => `192.0.2.${number}`);
  const value = {
    name: "a: b",
    none: undefined,
    empty: [],
    nothing: {},
    flags: [true, null, 1.5],
    record: { a: 1, b: "x" },
    nested: { list: [["a"], { b: { c: [] } }] },
    long: long.slice(0, 8),
  };
  assert.equal(
    outlineOf(value),
    `name: "a: b"
empty: []
nothing: {}
flags: [true, null, 1.5]
record: { a: 1, b: "x" }
nested:
  list:
    - ["a"]
    - b:
        c: []
long:
${long
  .slice(0, 8)
  .map((address) => `  - "${address}"`)
  .join("\n")}`,
  );
});

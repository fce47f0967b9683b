import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foldWireName, isBelow, nameToWire, wireToName } from "./name.ts";

test("nameToWire() reads names with and without the last dot", () => {
  const cases: readonly (readonly [string, readonly number[]])[] = [
    [".", [0]],
    ["org", [3, 111, 114, 103, 0]],
    ["Org.", [3, 79, 114, 103, 0]],
    ["a.org", [1, 97, 3, 111, 114, 103, 0]],
    ["a\\.b", [3, 97, 46, 98, 0]],
    ["\\000\\255", [2, 0, 255, 0]],
    ["_dns.\\\\", [4, 95, 100, 110, 115, 1, 92, 0]],
    ["*.org", [1, 42, 3, 111, 114, 103, 0]],
  ];
  for (const [text, wire] of cases) assert.deepEqual([...nameToWire(text)], wire, text);
});

test("nameToWire() says why a text is no name", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /empty/],
    ["..", /a label is empty/],
    [".org", /a label is empty/],
    ["a..org", /a label is empty/],
    ["a b.org", /character 2 is not printable/],
    ["ä.org", /character 1 is not printable/],
    ["a\\256", /bad escape at character 2/],
    ["a\\", /bad escape at character 2/],
    ["a".repeat(64), /takes 64 bytes, not 63/],
    ["abc.".repeat(64), /takes 257 bytes, not 255/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => nameToWire(text), { name: "RangeError", message }, text);
  }
  assert.equal(nameToWire("abc.".repeat(63) + "a").length, 255);
});

test("wireToName() and nameToWire() are each other's inverse for any bytes", () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
  fc.assert(
    fc.property(fc.array(label, { maxLength: 3 }), (labels) => {
      const wire = Uint8Array.from([...labels.flatMap((bytes) => [bytes.length, ...bytes]), 0]);
      assert.deepEqual(nameToWire(wireToName(wire)), wire);
    }),
  );
});

test("wireToName() escapes what is not plain and stops at bytes that are no name", () => {
  assert.equal(wireToName(Uint8Array.from([3, 46, 10, 34, 0])), '\\.\\010\\".');
  assert.equal(wireToName(Uint8Array.from([9, 1, 97, 0xc0, 0]), 1), "a.");
  assert.equal(wireToName(Uint8Array.from([5, 97])), "a.");
  assert.equal(wireToName(Uint8Array.from([])), ".");
});

test("isBelow() matches whole labels only", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    [".", "example.org", true],
    ["example.org", "example.org", true],
    ["org", "example.org", true],
    ["example.org", "a.b.example.org", true],
    ["example.org", "anexample.org", false],
    ["a.example.org", "example.org", false],
    // The bytes of the zone stand inside a label here, at no boundary.
    ["org", "x\\003org", false],
  ];
  for (const [zone, name, expected] of cases) {
    const wire = nameToWire(name);
    assert.equal(isBelow(nameToWire(zone), wire, wire.length), expected, `${name} in ${zone}`);
  }
});

test("foldWireName() folds ASCII capitals only", () => {
  assert.deepEqual([...foldWireName(nameToWire("AZ@[`{\\200"))], [...nameToWire("az@[`{\\200")]);
});

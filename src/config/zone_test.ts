import assert from "node:assert/strict";
import { test } from "node:test";
import { isWithinZone, normalizeZone } from "./zone.ts";

test("normalizeZone() gives lower-case names with the final dot, or says what is wrong", () => {
  const label63 = "a".repeat(63);
  const cases: [string, string | null][] = [
    [".", "."],
    ["example.org", "example.org."],
    ["Example.ORG.", "example.org."],
    ["_dns._udp.example.org", "_dns._udp.example.org."],
    ["a\\.b.example.org", "a\\.b.example.org."],
    ["a\\032b.example.org", "a\\032b.example.org."],
    ["example\\.", "example\\.."],
    [label63, `${label63}.`],
    ["*.example.org", "*.example.org."],
    ["", null],
    ["..", null],
    ["a..b", null],
    [".a", null],
    [`${label63}a`, null],
    [`${label63}.${label63}.${label63}.${label63}`, null],
    [
      `${label63}.${label63}.${label63}.${"b".repeat(61)}`,
      `${label63}.${label63}.${label63}.${"b".repeat(61)}.`,
    ],
    ["a\\25.b", null],
    ["a\\256.b", null],
    ["a\\", null],
    ["a,b", null],
    ["a b", null],
    ["a{", null],
  ];
  for (const [text, expected] of cases) {
    const { zone, problem } = normalizeZone(text);
    assert.equal(zone, expected, text);
    assert.equal(problem === null, expected !== null, text);
  }
});

test("isWithinZone() holds for the zone and whole labels below it", () => {
  assert.equal(isWithinZone("a.example.org.", "example.org."), true);
  assert.equal(isWithinZone("example.org.", "example.org."), true);
  assert.equal(isWithinZone("example.org.", "."), true);
  assert.equal(isWithinZone("badexample.org.", "example.org."), false);
  assert.equal(isWithinZone("org.", "example.org."), false);
  assert.equal(isWithinZone("a\\.example.org.", "example.org."), false);
  assert.equal(isWithinZone("a\\\\.example.org.", "example.org."), true);
});

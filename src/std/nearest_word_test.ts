import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance, nearestWord } from "./nearest_word.ts";

test("nearestWord() finds the word that was meant, and none when none is near", () => {
  const known = ["bind", "cache", "errors", "forward", "log", "loop", "prometheus"];
  const cases: [string, string | null][] = [
    ["cahce", "cache"],
    ["cach", "cache"],
    ["error", "errors"],
    ["FORWARD", "forward"],
    ["foward", "forward"],
    ["prom", "prometheus"],
    ["lgo", "log"],
    ["x", null],
    ["zone", null],
    ["kubernetes", null],
    ["", null],
  ];
  for (const [word, expected] of cases) assert.equal(nearestWord(word, known), expected, word);
});

test("editDistance() counts inserts, deletes, replacements and swaps of neighbours", () => {
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(editDistance("abc", "abc"), 0);
  assert.equal(editDistance("abc", "acb"), 1);
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("a".repeat(65), "a"), Number.POSITIVE_INFINITY);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { queryOf } from "./testing.ts";
import { TextIndex } from "./text_index.ts";

const NONE = { whole: [], prefixes: [], suffixes: [], substrings: [] };
const text = fc.stringMatching(/^[ab.]{1,4}$/);
const label = fc.stringMatching(/^[ab]{1,3}$/);
const name = fc
  .array(label, { minLength: 0, maxLength: 4 })
  .map((labels) => `${labels.join(".")}.`);

test("TextIndex.fits() says what string methods say", () => {
  const texts = fc.array(text, { maxLength: 3 });
  fc.assert(
    fc.property(
      name,
      texts,
      texts,
      texts,
      texts,
      (asked, whole, prefixes, suffixes, substrings) => {
        const index = new TextIndex({ whole, prefixes, suffixes, substrings });
        const wanted =
          whole.includes(asked) ||
          prefixes.some((prefix) => asked.startsWith(prefix)) ||
          suffixes.some((suffix) => asked.endsWith(suffix)) ||
          substrings.some((substring) => asked.includes(substring));
        assert.equal(index.fits(queryOf(asked, 1)), wanted);
      },
    ),
  );
});

test("TextIndex.fits() is true for names that need escapes, whatever the texts", () => {
  const index = new TextIndex({ ...NONE, whole: ["a.org."] });
  for (const asked of ["a\\.b.org.", "a\\000.org.", "a\\032b.org.", "a\\\\b.org."]) {
    assert.ok(index.fits(queryOf(asked, 1)), asked);
  }
});

test("TextIndex.fits() passes over texts that no name can hold", () => {
  const long = "a".repeat(300);
  const index = new TextIndex({
    whole: [long],
    prefixes: [long],
    suffixes: [long],
    substrings: [long],
  });
  assert.ok(!index.fits(queryOf("aaa.org.", 1)));
});

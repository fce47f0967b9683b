import assert from "node:assert/strict";
import { test } from "node:test";
import { lex } from "./lexer.ts";
import { formatProblem, Problems } from "./problem.ts";

/** Tokens as `text@line:column`, with `^` before those that start a line. */
function check(text: string, expected: string[], warnings: string[] = []): void {
  const problems = new Problems();
  const tokens = lex(text, "Corefile", problems);
  assert.deepEqual(
    tokens.map((t) => `${t.startsLine ? "^" : ""}${t.text}@${t.line}:${t.column}`),
    expected,
    JSON.stringify(text),
  );
  assert.deepEqual(problems.sorted().map(formatProblem), warnings, JSON.stringify(text));
}

test("lex() splits at spaces and knows line and column of every token", () => {
  check("", []);
  check(" \n\t\n", []);
  check("example.org:53", ["^example.org:53@1:1"]);
  check(". {\n  cache 30\n}\n", ["^.@1:1", "{@1:3", "^cache@2:3", "30@2:9", "^}@3:1"]);
  check("a\u00A0b\u2003c\u0085d", ["^a@1:1", "b@1:3", "c@1:5", "d@1:7"]);
});

test("lex() skips a byte order mark and unquoted carriage returns", () => {
  check("\uFEFFa b", ["^a@1:1", "b@1:3"]);
  check("a\r\nb\r\n", ["^a@1:1", "^b@2:1"]);
  check("a\rb", ["^ab@1:1"]);
});

test("lex() takes quotes only at the start of a token, and ends the token at the closing one", () => {
  check('"a b" c', ["^a b@1:1", "c@1:7"]);
  check('"a"b', ["^a@1:1", "b@1:4"]);
  check('a"b c"', ['^a"b@1:1', 'c"@1:5']);
  check('""', ["^@1:1"]);
  check('"{"', ["^{@1:1"]);
  check('"say \\"hi\\""', ['^say "hi"@1:1']);
  check('"a\\nb\\\\c\\d"', ["^a\\nb\\\\c\\d@1:1"]);
  check('"a # b"', ["^a # b@1:1"]);
  check('"a\r\nb" c\nd', ["^a\r\nb@1:1", "c@2:4", "^d@3:1"]);
});

test("lex() makes a token of a quoted string that the file ends in, and warns", () => {
  const warning = "Corefile:1: Cannot find the end of a quoted string: expected '\"'";
  check('"a b', ["^a b@1:1"], [warning]);
  check('"a\\', ["^a@1:1"], [warning]);
  check('"', [], [warning]);
});

test("lex() ends a comment with the line at a token's start, with the next space inside a token", () => {
  check("# a b\nc", ["^c@2:1"]);
  check("a #b c\nd", ["^a@1:1", "^d@2:1"]);
  check("a#b\nc", ["^a@1:1", "^c@2:1"]);
  check("a#b # c\nd", ["^a@1:1", "^d@2:1"]);
  const why = "ends at the next space, not at the line's end: put a space before '#'";
  check(
    "a# b c\nd",
    ["^a@1:1", "b@1:4", "c@1:6", "^d@2:1"],
    [`Corefile:1: Comment right after "a" ${why}`],
  );
});

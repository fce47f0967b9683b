import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { formatCorefile, NOWHERE } from "./format.ts";
import { parseCorefile } from "./parser.ts";
import { formatProblem } from "./problem.ts";

function format(text: string): string {
  const result = formatCorefile(text, "Corefile");
  assert.deepEqual(result.problems.map(formatProblem), [], text);
  assert.ok(result.text !== null);
  return result.text;
}

function check(text: string, expected: string): void {
  assert.equal(format(text), expected, JSON.stringify(text));
  assert.equal(format(expected), expected, JSON.stringify(text));
}

/** Keys, directives and options as words. */
function meaning(text: string): unknown {
  return parseCorefile(text, "Corefile", NOWHERE).map(({ keys, directives }) => ({
    keys: keys.map((key) => key.text),
    directives: directives.map(({ name, args, options }) =>
      [{ name, args }, ...options].map((line) => [line.name, ...line.args].map((t) => t.text)),
    ),
  }));
}

test("formatCorefile() indents by depth and puts one space between words", () => {
  check("", "");
  check(".:53  {\n\terrors\n   cache\t30\n}", ".:53 {\n    errors\n    cache 30\n}\n");
  check(
    "a {\ncache {\nsuccess 9984   30\n}\nlog\n}\n",
    "a {\n    cache {\n        success 9984 30\n    }\n    log\n}\n",
  );
  check("a\r\nerrors\r\ncache {\r\nkeepttl\r\n}\r\n", "a\nerrors\ncache {\n    keepttl\n}\n");
  check("a,\n  b {\n}", "a,\nb {\n}\n");
});

test("formatCorefile() puts braces where CoreDNS wants them", () => {
  check("a b\n{\n errors\n}", "a b {\n    errors\n}\n");
  check("a { errors\n}", "a {\n    errors\n}\n");
  check(
    "a {\n cache { success 1\n keepttl\n }\n}",
    ["a {\n    cache {\n        success 1\n        keepttl\n    }\n}\n"].join(),
  );
  check("a { }", "a {\n}\n");
  check("a {\n cache { }\n}", "a {\n    cache {\n    }\n}\n");
  check("a {\n} b {\n}", "a {\n}\nb {\n}\n");
  check("a {\n import x }", "a {\n    import x\n}\n");
  check("(s) { log }\na {\n import s\n}", "(s) {\n    log\n}\na {\n    import s\n}\n");
});

test("formatCorefile() keeps comments, and empty lines between groups", () => {
  check(
    "\n\n# one\n\n\n#two  \na {   # of a\n\n  errors # e\n\n\n  log\n  # last\n\n}\n# end\n\n",
    "# one\n\n#two\na { # of a\n    errors # e\n\n    log\n    # last\n}\n# end\n",
  );
  check("a # of a\n# next\n{ # more\n errors\n}", "a { # of a # more\n    # next\n    errors\n}\n");
  check(
    "a {\n errors# one\n log#two three\n}",
    ["a {\n    errors one #\n    log three #two\n}\n"].join(),
  );
});

test("formatCorefile() keeps quoted strings as they are", () => {
  const record = '"{{ .Zone }}  60 \\"x\\"\n   SOA # no comment"';
  check(
    `a {\n template  ANY A {\n authority  ${record}  # c\n}\n}`,
    [`a {\n    template ANY A {\n        authority ${record} # c\n    }\n}\n`].join(),
  );
  check('a "{"\n log "a"b ""\n"}"', 'a "{"\n    log "a" b ""\n"}"\n');
});

test("formatCorefile() leaves an import where its place decides what it means", () => {
  check("a {\n cache { import x\n }\n}", "a {\n    cache { import x\n    }\n}\n");
  check("a {\n cache {\n import x\n }\n}", "a {\n    cache {\n        import x\n    }\n}\n");
  check("a {\n} import b {\n}", "a {\n} import b {\n}\n");
});

test("formatCorefile() refuses what cannot be parsed, with all problems", () => {
  const problemsOf = (text: string) => {
    const { text: formatted, problems } = formatCorefile(text, "Corefile");
    assert.equal(formatted, null);
    return problems.map(formatProblem);
  };
  assert.deepEqual(problemsOf("a {\n errors }\n}\nb{\n"), [
    "Corefile:2: Unexpected '}': expected it on a line of its own",
    "Corefile:3: Unexpected '}': no matching '{'",
    "Corefile:4: Missing space before '{' of the server block: write \"b {\"",
    "Corefile:4: Missing '}': the file ends before this block is closed",
  ]);
  assert.deepEqual(
    problemsOf('a {\n log "x\n}\n'),
    [
      "Corefile:2: Cannot find the end of a quoted string: expected '\"'",
      "Corefile:1: Missing '}': the file ends before this block is closed",
    ].toSorted(),
  );
});

const word = fc.constantFrom(
  ...["errors", "cache", "30", "import", "s", "{$A}", "a,", '"x y"', '""', '"#\n"', '"{"', '"}"'],
  ...["a#b", "\\", "a\rb", 'a"b', "\uFEFFz", "é😀", "(s)"],
);
const gap = fc.constantFrom(" ", "\t", "  ", " \r");
const lineEnd = fc.constantFrom("\n", "\r\n", "\n\n\n", " # c\n", "\n# {\n", "\n #}\n\n", " #\n");
const open = fc.constantFrom(" {\n", " {", " { ", "\n{\n", " # c\n{ # d\n", " {\n\n");
const close = fc.constantFrom("\n}\n", "}\n", "\n} ", "\n\n} # e\n\n");

function joined(parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  return fc.tuple(...parts).map((texts) => texts.join(""));
}

const words = fc
  .array(joined([word, gap]), { minLength: 1, maxLength: 4 })
  .map((texts) => texts.join(""));
const option = joined([words, lineEnd]);
const options = fc.array(option, { maxLength: 3 }).map((texts) => texts.join(""));
const directive = fc.oneof(option, joined([words, open, options, close]));
const block = joined([
  words,
  fc.oneof(open, lineEnd),
  fc.array(directive, { maxLength: 4 }).map((texts) => texts.join("")),
  close,
]);
const anything = fc
  .array(fc.oneof(word, gap, lineEnd, open, close), { maxLength: 20 })
  .map((texts) => texts.join(""));
const corefile = fc.oneof(
  fc.array(block, { maxLength: 3 }).map((texts) => texts.join("")),
  anything,
);

test("formatCorefile() changes no meaning, and nothing that is formatted", () => {
  let formattedCount = 0;
  const property = fc.property(corefile, (text) => {
    const { text: formatted, problems } = formatCorefile(text, "Corefile");
    if (formatted === null) {
      assert.ok(problems.length > 0);
      return;
    }
    formattedCount += 1;
    assert.deepEqual(meaning(formatted), meaning(text));
    assert.equal(format(formatted), formatted);
  });
  fc.assert(property, { numRuns: 3_000 });
  assert.ok(formattedCount > 300, `${formattedCount} of 3000 could be formatted`);
});

test("formatCorefile() finds nothing to change in a Corefile that people wrote with care", () => {
  for (const name of ["node_cache_full.Corefile", "imports.Corefile"]) {
    const text = readFileSync(new URL(`./testdata/${name}`, import.meta.url), "utf8");
    assert.equal(format(text), text, name);
  }
});

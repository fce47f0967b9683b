import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCorefile } from "./parser.ts";
import { formatProblem, Problems } from "./problem.ts";
import { memorySource } from "./source.ts";

interface Case {
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** `keys: directive args [option args; ...] | ...`, one line a block. */
  readonly blocks?: string[];
  readonly problems?: string[];
}

function check(text: string, { files = {}, environment = {}, ...expected }: Case): void {
  const problems = new Problems();
  const source = memorySource(files, { environment });
  const words = (tokens: readonly { text: string }[]) => tokens.map((t) => t.text).join(" ");
  const blocks = parseCorefile(text, "Corefile", source, problems).map((block) => {
    const directives = block.directives.map(({ name, args, options }) => {
      const lines = options.map((line) => words([line.name, ...line.args])).join("; ");
      return words([name, ...args]) + (lines === "" ? "" : ` [${lines}]`);
    });
    return `${words(block.keys)}: ${directives.join(" | ")}`;
  });
  assert.deepEqual(problems.sorted().map(formatProblem), expected.problems ?? [], text);
  if (expected.blocks !== undefined) assert.deepEqual(blocks, expected.blocks, text);
}

test("parseCorefile() reads keys up to the brace, a line's end without comma, or the file's end", () => {
  check("", { blocks: [] });
  check("# nothing\n", { blocks: [] });
  check("a", { blocks: ["a: "] });
  check("a {\n}", { blocks: ["a: "] });
  check("a b {\n}\nc {\n}", { blocks: ["a b: ", "c: "] });
  check("a, b,\nc {\n}", { blocks: ["a b c: "] });
  check("a,\n\n  b\n{\n  errors\n}", { blocks: ["a b: errors"] });
  check("a,b {\n}", { blocks: ["a,b: "] });
  check('"" a {\n}', { blocks: ["a: "] });
  check("a {\n} b {\n}", { blocks: ["a: ", "b: "] });
});

test("parseCorefile() reads one block without braces to the file's end", () => {
  check("a\nerrors\ncache 30\n", { blocks: ["a: errors | cache 30"] });
  check("a b\ncache {\n  keepttl\n}\nlog", { blocks: ["a b: cache [keepttl] | log"] });
});

test("parseCorefile() reads directives with arguments and options", () => {
  check("a {\n cache 30 b\n errors\n}", { blocks: ["a: cache 30 b | errors"] });
  check("a {\n cache {\n  success 10 20\n  keepttl\n }\n}", {
    blocks: ["a: cache [success 10 20; keepttl]"],
  });
  check("a {\n cache { success 10\n keepttl\n }\n}", {
    blocks: ["a: cache [success 10; keepttl]"],
  });
  check("a {\n cache {\n }\n cache\n}", { blocks: ["a: cache | cache"] });
  check('a {\n log "x\ny" z\n errors\n}', { blocks: ["a: log x\ny z | errors"] });
});

test("parseCorefile() reports every brace that is out of place, and goes on", () => {
  check(". { whoami }", {
    problems: ["Corefile:1: Unexpected '}': expected it on a line of its own"],
  });
  check(". {\n cache { keepttl }\n}", {
    problems: ["Corefile:2: Unexpected '}': expected it on a line of its own"],
  });
  check(". {\n errors\n", {
    problems: ["Corefile:1: Missing '}': the file ends before this block is closed"],
  });
  check(". {\n cache {\n}\n", {
    problems: ["Corefile:1: Missing '}': the file ends before this block is closed"],
  });
  check(".\nerrors\n}\n", { problems: ["Corefile:3: Unexpected '}': no matching '{'"] });
  check(". {\n}\n}\nb {\n}", {
    blocks: [".: ", "b: "],
    problems: ["Corefile:3: Unexpected '}': no matching '{'"],
  });
  check("{\n errors\n}\nb {\n}", {
    blocks: ["b: "],
    problems: ["Corefile:1: Expected the address of a server block before '{', for example '.:53'"],
  });
  check(". {\n cache\n {\n keepttl\n }\n}", {
    blocks: [".: cache [keepttl]"],
    problems: [
      "Corefile:3: Unexpected '{' at the start of a line: expected it on the line of \"cache\"",
    ],
  });
});

test("parseCorefile() reports a block without a directive, and leaves it out", () => {
  check(". {\n {\n keepttl\n }\n errors\n}", {
    blocks: [".: errors"],
    problems: ["Corefile:2: Unexpected '{': expected the name of a directive before it"],
  });
});

test("parseCorefile() takes a brace glued to a word for a brace, as an error", () => {
  const glued = (what: string, word: string) =>
    `Missing space before '{' of the ${what}: write "${word} {"`;
  check(".:53{\n cache{\n  keepttl\n }\n forward . a{\n  except b\n }\n errors\n}", {
    blocks: [".:53: cache [keepttl] | forward . a [except b] | errors"],
    problems: [
      `Corefile:1: ${glued("server block", ".:53")}`,
      `Corefile:2: ${glued("directive", "cache")}`,
      `Corefile:5: ${glued("argument", "a")}`,
    ],
  });
});

test("parseCorefile() reports a comma that no address follows", () => {
  const message = "Expected another address after ','";
  check("a, {\n}", {
    problems: [`Corefile:1: ${message}: got "{", check for extra comma`],
  });
  check("a,", {
    problems: [`Corefile:1: ${message}: got the end of the file, check for extra comma`],
  });
});

test("parseCorefile() reports words after a directive's closing brace", () => {
  check(". {\n cache {\n } errors\n log\n}", {
    blocks: [".: cache | log"],
    problems: ["Corefile:3: Unexpected \"errors\" after '}': expected the end of the line"],
  });
  check(". {\n cache {\n } }\na {\n}", {
    blocks: [".: cache", "a: "],
    problems: ["Corefile:3: Unexpected '}': expected it on a line of its own"],
  });
});

test("parseCorefile() reports a block inside an option, and goes on after it", () => {
  check(". {\n cache {\n  success {\n   10\n  }\n  keepttl\n }\n errors\n}", {
    blocks: [".: cache [success; 10; keepttl] | errors"],
    problems: ["Corefile:3: Unexpected '{': an option takes no block"],
  });
});

test("parseCorefile() puts a snippet's tokens where it is imported, any number of times", () => {
  const snippet = "(s) {\n errors\n cache {\n  keepttl\n }\n}\n";
  check(`${snippet}a {\n import s\n log\n}\nb {\n log\n import s\n}`, {
    blocks: ["a: errors | cache [keepttl] | log", "b: log | errors | cache [keepttl]"],
  });
  check("(o) {\n keepttl\n}\na {\n cache {\n  import o\n  import o\n }\n}", {
    blocks: ["a: cache [keepttl; keepttl]"],
  });
  check("(s) {\n errors\n}\na {\n import s\n import s\n}", { blocks: ["a: errors | errors"] });
  check("(block) {\n b {\n  errors\n }\n}\nimport block\nc {\n}", {
    blocks: ["b: errors", "c: "],
  });
  check("(one) {\n import two\n}\n(two) {\n errors\n}\na {\n import one\n}", {
    blocks: ["a: errors"],
  });
  check("(none) {\n}\na {\n import none\n}\nimport none", { blocks: ["a: "] });
});

test("parseCorefile() reports snippets that cannot be defined or imported", () => {
  check("(s) {\n errors\n}\n(s) {\n log\n}\na {\n import s\n}", {
    blocks: ["a: errors"],
    problems: ['Corefile:4: Cannot define snippet "s" again: it is already defined'],
  });
  check("(s)\na {\n}", {
    problems: ['Corefile:1: Cannot read snippet "s": expected \'{\' after "(s)"'],
  });
  check("(s) {\n errors\n", {
    problems: ["Corefile:1: Missing '}': the file ends before this block is closed"],
  });
  check("(s) {\n import s\n}\na {\n import s\n}", {
    problems: ['Corefile:2: Cannot import snippet "s": it imports itself'],
  });
  check("(s) {\n import t\n}\n(t) {\n import s\n}\na {\n import s\n}", {
    problems: ['Corefile:5: Cannot import snippet "s": it imports itself'],
  });
});

test("parseCorefile() imports files relative to the file that imports", () => {
  const files = {
    "one.conf": "errors\n",
    "sites/a.server": "a {\n import ../one.conf\n}\n",
    "sites/b.server": "b {\n}",
    "sites/c.other": "c {\n}",
    "/etc/all.conf": "log",
  };
  check("z {\n import one.conf\n import /etc/all.conf\n}", {
    files: { ...files, "one.conf": "errors" },
    blocks: ["z: errors | log"],
  });
  check("import sites/*.server\nz {\n}", {
    files: { ...files, "sites/../one.conf": "errors" },
    blocks: ["a: errors", "b: ", "z: "],
  });
  check("import sites/?.server", {
    files: { ...files, "sites/../one.conf": "errors" },
    blocks: ["a: errors", "b: "],
  });
});

test("parseCorefile() reports imports that cannot work, with file and line", () => {
  check("a {\n import missing.conf\n import\n import x y\n import a[b]\n import *x*\n}", {
    blocks: ["a: "],
    problems: [
      'Corefile:2: Cannot import "missing.conf": no such file: "missing.conf"',
      "Corefile:3: Cannot import: expected one snippet name, file or pattern, got nothing",
      'Corefile:4: Cannot import: expected one snippet name, file or pattern, got "x" "y"',
      "Corefile:5: Cannot import pattern \"a[b]\": expected no '['",
      "Corefile:6: Cannot import pattern \"*x*\": expected at most one '*'",
    ],
  });
  check("a {\n import none*\n}", {
    blocks: ["a: "],
    problems: ['Corefile:2: No file matches import pattern "none*": nothing is imported'],
  });
  check("a {\n import b.conf\n}", {
    files: { "b.conf": "errors\nimport c.conf", "c.conf": "import b.conf" },
    problems: ['c.conf:1: Cannot import file "b.conf": it imports itself'],
  });
  check("a {\n import b.conf\n}", {
    files: { "b.conf": "\ncache {\n" },
    blocks: ["a: cache"],
    problems: ["Corefile:1: Missing '}': the file ends before this block is closed"],
  });
});

test("parseCorefile() replaces environment variables in keys, directives, arguments and imports", () => {
  const environment = {
    A: "example.org",
    B: "53",
    D: "cache",
    F: "one.conf",
    X: "{$A}",
    EMPTY: "",
  };
  check("{$A}:{%B%} {\n {$D} {$B}{$B}\n import {$F}\n}", {
    environment,
    files: { "one.conf": "log {$X} {%X%}" },
    blocks: ["example.org:53: cache 5353 | log example.org example.org"],
  });
  check("a {\n log {$} {%%} {$A x{$EMPTY}\n}", { environment, blocks: ["a: log {$} {%%} {$A x"] });
  check("(s) {\n log {$A}\n}\na {\n import s\n}", { environment, blocks: ["a: log example.org"] });
  check("a {\n log {$NONE}x\n}", {
    blocks: ["a: log x"],
    problems: ['Corefile:2: Environment variable "NONE" is not set: it reads as ""'],
  });
  check("a {\n log {$LOOP}\n}", {
    environment: { LOOP: "x{$LOOP}" },
    problems: ['Corefile:2: Cannot replace environment variables in "{$LOOP}": no end to it'],
  });
});

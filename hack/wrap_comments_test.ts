import assert from "node:assert/strict";
import { test } from "node:test";
import { wrapComments } from "./wrap_comments.ts";

const WORDS = "word ".repeat(24).trim();
const FIRST = "word ".repeat(19).trim();

test("wrapComments() wraps what is longer than 100 columns and nothing else", () => {
  const cases: readonly (readonly [what: string, before: string, after: string])[] = [
    ["short", "// word\n// word\n", "// word\n// word\n"],
    ["line comment", `// ${WORDS}`, `// ${FIRST}\n// word word word word word`],
    [
      "with the rest of the paragraph",
      ` * ${WORDS}\n * more\n *\n * other`,
      ` * ${FIRST}\n * word word word word word more\n *\n * other`,
    ],
    [
      "not into a tag",
      ` * ${WORDS}\n * @returns word`,
      ` * ${FIRST}\n * word word word word word\n * @returns word`,
    ],
    [
      "list item",
      ` * - ${WORDS}`,
      ` * - ${"word ".repeat(19).trim()}\n *   word word word word word`,
    ],
    ["one-liner", `/** ${WORDS} */`, `/**\n * ${FIRST}\n * word word word word word\n */`],
    ["table", ` * a    b ${WORDS}`, ` * a    b ${WORDS}`],
    ["code", `const a = "${WORDS}";`, `const a = "${WORDS}";`],
  ];
  for (const [what, before, after] of cases) assert.equal(wrapComments(before), after, what);
});

test("wrapComments() changes nothing the second time", () => {
  const once = wrapComments(`/** ${WORDS} */\n// ${WORDS}\n// more`);
  assert.equal(wrapComments(once), once);
});

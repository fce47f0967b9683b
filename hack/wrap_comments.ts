/**
 * Wraps comments at 100 columns, which biome leaves as they are: `npm run fmt`.
 *
 * Only paragraphs with a line that is too long are touched, from that line on. Tables, drawings and
 * comments behind code are left to their author.
 */

import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const COLUMNS = 100;
const COMMENT_LINE = /^(\s*(?:\*|\/\/) )(.*)$/;
const ONE_LINER = /^(\s*)\/\*\* (.*) \*\/$/;
/** What begins a paragraph of its own: a list item, a tag, a heading, code. */
const BEGINS_ANEW = /^(?:[-*] |\d+\. |@|#|`{3}|\s)/;
const DRAWING = /\S {3,}\S|[|│┌└├─▶]/;

/** Returns `text` with its long comments wrapped. */
export function wrapComments(text: string): string {
  const lines = text.split("\n");
  const result: string[] = [];
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? "";
    const comment = COMMENT_LINE.exec(line);
    const oneLiner = ONE_LINER.exec(line);
    if (line.length <= COLUMNS) {
      result.push(line);
    } else if (oneLiner !== null) {
      const [, indent = "", words = ""] = oneLiner;
      const inner = `${indent} * `;
      result.push(`${indent}/**`, ...fill(inner, "", words.split(/\s+/)), `${indent} */`);
    } else if (comment === null || DRAWING.test(comment[2] ?? "")) {
      result.push(line);
    } else {
      const [, prefix = "", first = ""] = comment;
      const words = first.trim().split(/\s+/);
      let next = nextOfParagraph(lines, index, prefix);
      while (next !== null) {
        words.push(...next.trim().split(/\s+/));
        index++;
        next = nextOfParagraph(lines, index, prefix);
      }
      const leading = /^\s*/.exec(first)?.[0] ?? "";
      const hanging =
        leading + " ".repeat(/^\s*(?:[-*] |\d+\. )/.exec(first)?.[0].trimStart().length ?? 0);
      result.push(...fill(prefix, hanging, words, leading));
    }
  }
  return result.join("\n");
}

/** The text of the comment line after `index` if it goes on with the same paragraph. */
function nextOfParagraph(lines: readonly string[], index: number, prefix: string): string | null {
  const next = COMMENT_LINE.exec(lines[index + 1] ?? "");
  if (next === null || next[1] !== prefix) return null;
  const text = next[2] ?? "";
  return text === "" || BEGINS_ANEW.test(text) || DRAWING.test(text) ? null : text;
}

/** Lines of at most 100 columns; `leading` goes before the first, `hanging` before the others. */
function fill(
  prefix: string,
  hanging: string,
  words: readonly string[],
  leading = hanging,
): string[] {
  const lines: string[] = [];
  let line = prefix + leading;
  let isEmpty = true;
  for (const word of words) {
    if (!isEmpty && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = prefix + hanging;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  lines.push(line);
  return lines;
}

if (import.meta.main) {
  const root = join(import.meta.dirname, "..");
  for (const path of globSync("{src,tests,build,hack}/**/*.ts", { cwd: root })) {
    const text = readFileSync(join(root, path), "utf8");
    const wrapped = wrapComments(text);
    if (wrapped === text) continue;
    writeFileSync(join(root, path), wrapped);
    process.stdout.write(`wrapped ${path}\n`);
  }
}

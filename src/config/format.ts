/**
 * Corefile text to the same Corefile in one layout, for `nodens fmt`.
 *
 * Works on words and comments, never on what they mean: no word is added, dropped, reordered or
 * rewritten, so that a formatted Corefile reads as it did before. Only what the grammar allows is
 * moved: a brace goes to the end of the line that it opens, what follows it and every closing brace
 * to a line of its own. Imports are not read.
 */

import assert from "node:assert/strict";
import { BYTE_ORDER_MARK, lex, lexPieces, type Piece, UNCLOSED_QUOTE } from "./lexer.ts";
import { parseCorefile } from "./parser.ts";
import { type Problem, Problems } from "./problem.ts";
import type { ConfigSource } from "./source.ts";

const INDENT = "    ";

export interface FormatResult {
  /** The formatted text; `null` when the grammar is broken. */
  readonly text: string | null;
  /** The errors that keep it from being formatted. */
  readonly problems: readonly Problem[];
}

/** Formats `text`, which was read from `file`. Does not throw for anything that is in it. */
export function formatCorefile(text: string, file: string): FormatResult {
  const problems = new Problems();
  parseCorefile(text, file, NOWHERE, problems);
  const found = problems
    .sorted()
    .filter(({ severity, message }) => severity === "error" || message === UNCLOSED_QUOTE)
    .map((problem): Problem => ({ ...problem, severity: "error" }));
  if (found.length > 0) return { text: null, problems: found };
  const formatted = print(layOut(lexPieces(text, file, new Problems())));
  assert.deepEqual(wordsOf(formatted), wordsOf(text), "formatting must keep every word");
  return { text: formatted, problems: [] };
}

/** What is imported and which variables are set makes no difference to the layout. */
export const NOWHERE: ConfigSource = {
  readFile: () => "",
  listDirectory: () => [],
  environment: () => "x",
  interfaces: () => [],
};

function wordsOf(text: string): string[] {
  return lex(text, "", new Problems()).map((token) => token.text);
}

interface Line {
  depth: number;
  readonly words: string[];
  comment: string;
  /** An empty line stands before it. */
  readonly isApart: boolean;
}

function layOut(pieces: readonly Piece[]): Line[] {
  const lines: Line[] = [];
  /** The line of the last word. */
  let current: Line | null = null;
  let depth = 0;
  let endLine = Number.POSITIVE_INFINITY;
  for (const piece of pieces) {
    const isApart = piece.line > endLine + 1;
    endLine = piece.endLine;
    if (piece.token === null) {
      const comment = piece.raw.trimEnd();
      if (current === null || piece.startsLine) {
        lines.push({ depth, words: [], comment, isApart });
      } else {
        current.comment += `${current.comment === "" ? "" : " "}${comment}`;
      }
      continue;
    }
    if (piece.token.text === "}") depth = Math.max(0, depth - 1);
    if (current === null || startsNewLine(piece, current, depth)) {
      current = { depth, words: [], comment: "", isApart };
      lines.push(current);
    } else if (piece.token.text === "{") {
      // Comments between a server block's keys and its brace come to stand inside.
      for (const line of lines.slice(lines.indexOf(current) + 1)) line.depth = depth + 1;
    }
    current.words.push(wordOf(piece));
    if (piece.token.text === "{") depth += 1;
  }
  return lines;
}

function startsNewLine({ token, startsLine }: Piece, current: Line, depth: number): boolean {
  const text = token?.text ?? "";
  if (text === "}") return true;
  // A brace on a line of its own opens a server block; in a block it would be an error.
  if (text === "{") return startsLine && depth > 0;
  // `import` is one only at the start of a line, in some places: it stays where it is.
  if (text === "import") return startsLine;
  return startsLine || isBrace(current.words.at(-1));
}

/** As written; without the carriage returns in it, which are no part of a word. */
function wordOf({ raw, token }: Piece): string {
  return raw.startsWith('"') || token === null ? raw : token.text;
}

/** A quoted brace is one, too. */
function isBrace(word: string | undefined): boolean {
  return word !== undefined && /^(?:[{}]|"[{}]")$/.test(word);
}

function print(lines: readonly Line[]): string {
  let text = "";
  let previous: Line | null = null;
  for (const line of lines) {
    const isFirst = previous === null || /^"?\{"?$/.test(previous.words.at(-1) ?? "");
    const isLast = /^"?\}"?$/.test(line.words[0] ?? "");
    if (line.isApart && !isFirst && !isLast) text += "\n";
    const words = line.comment === "" ? line.words : [...line.words, line.comment];
    text += `${INDENT.repeat(line.depth)}${words.join(" ")}\n`;
    previous = line;
  }
  return text.startsWith(BYTE_ORDER_MARK) ? `${BYTE_ORDER_MARK}${text}` : text;
}

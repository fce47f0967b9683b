/**
 * Corefile text to tokens, with every quirk that existing Corefiles may lean on.
 *
 * - A quote opens a quoted token only as its first character; the token ends at the closing quote.
 *   `\"` is a quote, every other backslash stays. Newlines and `#` inside are literal.
 * - `#` outside quotes starts a comment even in the middle of a token. When a token is open, the
 *   comment ends with the next space, not with the line: `foo# bar` is `foo` and `bar`.
 * - An unquoted carriage return is skipped. A quoted string that the file ends in is a token.
 * - Nothing remembers that a token was quoted: `"{"` is a brace.
 */

import type { Place, Problems } from "./problem.ts";

/** Through which import a token came; the chain ends at the main file. */
export interface Origin {
  /** `snippet NAME` or `file PATH`: what was imported. */
  readonly imported: string;
  readonly parent: Origin | null;
}

export interface Token extends Place {
  readonly text: string;
  /** First on its line, where the line ends of the previous token count too. */
  readonly startsLine: boolean;
  readonly origin: Origin | null;
}

/** A token or a comment as it stands in the text; spaces are what is between pieces. */
export interface Piece {
  readonly kind: "word" | "comment";
  /** As written, with quotes; a comment from its `#`, without its line end. */
  readonly raw: string;
  /** Lines on which it begins and ends, from 1. */
  readonly line: number;
  readonly endLine: number;
  /** No token stands before it on its line. */
  readonly startsLine: boolean;
  /** Of a word. */
  readonly token: Token | null;
}

/** The warning about a quote that nothing closes: the string goes to the end of the file. */
export const UNCLOSED_QUOTE = "Cannot find the end of a quoted string: expected '\"'";

export const BYTE_ORDER_MARK = "\uFEFF";
// Unicode White_Space, as Go's unicode.IsSpace has it. JavaScript's \s lacks U+0085, has U+FEFF.
const SPACE = /[\t-\r \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]/;

/**
 * Splits `text` into tokens. Never throws; oddities that CoreDNS lets pass in silence
 * (a quote never closed, the `foo# bar` trap) become warnings in `problems`.
 */
export function lex(text: string, file: string, problems: Problems): Token[] {
  return new Lexer(text, file, problems).run();
}

/**
 * Splits `text` into tokens, as `lex` does, and comments: all that a formatter has to keep. Of
 * `foo#bar` the word is `foo` and the comment `#bar`.
 */
export function lexPieces(text: string, file: string, problems: Problems): Piece[] {
  const pieces: Piece[] = [];
  new Lexer(text, file, problems, pieces).run();
  return pieces;
}

class Lexer {
  readonly #text: string;
  readonly #file: string;
  readonly #problems: Problems;
  readonly #tokens: Token[] = [];
  readonly #pieces: Piece[] | null;
  #at = 0;
  #line = 1;
  #column = 1;
  #startsLine = true;

  constructor(text: string, file: string, problems: Problems, pieces: Piece[] | null = null) {
    this.#text = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    this.#file = file;
    this.#problems = problems;
    this.#pieces = pieces;
  }

  run(): Token[] {
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at];
      if (SPACE.test(character)) this.#step();
      else if (character === "#") this.#skipLine();
      else if (character === '"') this.#readQuoted();
      else this.#readBare();
    }
    return this.#tokens;
  }

  #readQuoted(): void {
    const place = this.#place();
    const startsLine = this.#takeStartsLine();
    const start = this.#at;
    this.#step();
    let value = "";
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at];
      this.#step();
      if (character === '"') {
        this.#startsLine = false;
        this.#addWord({ ...place, text: value, startsLine, origin: null }, start);
        return;
      }
      if (character !== "\\") {
        value += character;
        continue;
      }
      if (this.#at >= this.#text.length) break;
      const escaped = this.#text[this.#at];
      this.#step();
      value += escaped === '"' ? '"' : `\\${escaped}`;
    }
    this.#problems.warning(place, UNCLOSED_QUOTE);
    if (value !== "") this.#addWord({ ...place, text: value, startsLine, origin: null }, start);
  }

  #readBare(): void {
    const place = this.#place();
    const startsLine = this.#takeStartsLine();
    const start = this.#at;
    let value = "";
    let commentAt = -1;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at];
      if (character !== "\r" && SPACE.test(character)) break;
      if (character === "#" && commentAt < 0) commentAt = this.#at;
      if (commentAt < 0 && character !== "\r") value += character;
      this.#step();
    }
    if (commentAt >= 0 && this.#wordFollowsOnLine()) {
      const message = `Comment right after "${value}" ends at the next space, not at the line's end`;
      this.#problems.warning(place, `${message}: put a space before '#'`);
    }
    this.#addWord({ ...place, text: value, startsLine, origin: null }, start, commentAt);
    if (commentAt >= 0) this.#addComment(commentAt, place.line, false);
  }

  #wordFollowsOnLine(): boolean {
    for (let at = this.#at; at < this.#text.length; at += 1) {
      const character = this.#text[at];
      if (character === "\n" || character === "#") return false;
      if (!SPACE.test(character)) return true;
    }
    return false;
  }

  #skipLine(): void {
    const start = this.#at;
    while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#step();
    this.#addComment(start, this.#line, this.#startsLine);
  }

  #addWord(token: Token, start: number, end = -1): void {
    this.#tokens.push(token);
    const raw = this.#text.slice(start, end < 0 ? this.#at : end);
    const { line, startsLine } = token;
    this.#pieces?.push({ kind: "word", raw, line, endLine: this.#line, startsLine, token });
  }

  #addComment(start: number, line: number, startsLine: boolean): void {
    const raw = this.#text.slice(start, this.#at);
    this.#pieces?.push({ kind: "comment", raw, line, endLine: line, startsLine, token: null });
  }

  #takeStartsLine(): boolean {
    const startsLine = this.#startsLine;
    this.#startsLine = false;
    return startsLine;
  }

  #place(): Place {
    return { file: this.#file, line: this.#line, column: this.#column };
  }

  #step(): void {
    if (this.#text[this.#at] === "\n") {
      this.#line += 1;
      this.#column = 1;
      this.#startsLine = true;
    } else {
      this.#column += 1;
    }
    this.#at += 1;
  }
}

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

const BYTE_ORDER_MARK = "\uFEFF";
// Unicode White_Space, as Go's unicode.IsSpace has it. JavaScript's \s lacks U+0085, has U+FEFF.
const SPACE = /[\t-\r \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]/;

/**
 * Splits `text` into tokens. Never throws; oddities that CoreDNS lets pass in silence
 * (a quote never closed, the `foo# bar` trap) become warnings in `problems`.
 */
export function lex(text: string, file: string, problems: Problems): Token[] {
  return new Lexer(text, file, problems).run();
}

class Lexer {
  readonly #text: string;
  readonly #file: string;
  readonly #problems: Problems;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  #column = 1;
  #startsLine = true;

  constructor(text: string, file: string, problems: Problems) {
    this.#text = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    this.#file = file;
    this.#problems = problems;
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
    this.#step();
    let value = "";
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at];
      this.#step();
      if (character === '"') {
        this.#startsLine = false;
        this.#tokens.push({ ...place, text: value, startsLine, origin: null });
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
    this.#problems.warning(place, "Cannot find the end of a quoted string: expected '\"'");
    if (value !== "") this.#tokens.push({ ...place, text: value, startsLine, origin: null });
  }

  #readBare(): void {
    const place = this.#place();
    const startsLine = this.#takeStartsLine();
    let value = "";
    let comment = false;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at];
      if (character !== "\r" && SPACE.test(character)) break;
      if (character === "#") comment = true;
      if (!comment && character !== "\r") value += character;
      this.#step();
    }
    if (comment && this.#wordFollowsOnLine()) {
      const message = `Comment right after "${value}" ends at the next space, not at the line's end`;
      this.#problems.warning(place, `${message}: put a space before '#'`);
    }
    this.#tokens.push({ ...place, text: value, startsLine, origin: null });
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
    while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#step();
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

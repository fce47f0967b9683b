/** The words of a line of a zone file: quotes, escapes, parentheses, comments (RFC 1035 §5.1). */

/** One word, its escapes as written. */
export interface Word {
  readonly text: string;
  readonly isQuoted: boolean;
}

/**
 * Splits a text that holds one record; parentheses may spread it over lines.
 *
 * @throws {RangeError} that says what was expected.
 */
export function splitWords(text: string): Word[] {
  const words: Word[] = [];
  let depth = 0;
  let isEnded = false;
  let at = 0;
  while (at < text.length) {
    const character = text[at]!;
    if (character === ";") {
      while (at < text.length && text[at] !== "\n") at++;
      continue;
    }
    if (character === "\n" && depth === 0 && words.length > 0) isEnded = true;
    if (/\s/.test(character)) {
      at++;
      continue;
    }
    if (isEnded) throw new RangeError("expected one record, got more than one line");
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (depth < 0) throw new RangeError("expected no ')' without '(' before it");
    if (character === "(" || character === ")") {
      at++;
      continue;
    }
    const end = character === '"' ? endOfQuoted(text, at + 1) : endOfBare(text, at);
    if (character === '"') words.push({ text: text.slice(at + 1, end), isQuoted: true });
    else words.push({ text: text.slice(at, end), isQuoted: false });
    at = character === '"' ? end + 1 : end;
  }
  if (depth > 0) throw new RangeError("expected a ')' for every '('");
  return words;
}

/** Where the word that begins at `start` ends. */
function endOfBare(text: string, start: number): number {
  let at = start;
  while (at < text.length && !/[\s"();]/.test(text[at]!)) at += text[at] === "\\" ? 2 : 1;
  return Math.min(at, text.length);
}

/** Where the closing quote stands. */
function endOfQuoted(text: string, start: number): number {
  let at = start;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  if (at >= text.length) throw new RangeError("expected a closing quote");
  return at;
}

/** The bytes that a word stands for: `\DDD` is a byte, `\"` a quote, the rest UTF-8. */
export function wordBytes(text: string): Uint8Array {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [piece] of text.matchAll(/\\[0-9]{3}|\\.|\\$|[^\\]+/gs)) {
    if (piece === "\\") throw new RangeError("expected a character after '\\'");
    const isByte = /^\\[0-9]{3}$/.test(piece);
    if (isByte && Number(piece.slice(1)) > 0xff) {
      throw new RangeError(`expected \\000 to \\255, got "${piece}"`);
    }
    if (isByte) bytes.push(Number(piece.slice(1)));
    else bytes.push(...encoder.encode(piece[0] === "\\" ? piece.slice(1) : piece));
  }
  return Uint8Array.from(bytes);
}

/** Words taken one after the other. */
export class WordReader {
  readonly #words: readonly Word[];
  #at = 0;

  constructor(words: readonly Word[]) {
    this.#words = words;
  }

  get hasMore(): boolean {
    return this.#at < this.#words.length;
  }

  /** The next word, still to be taken. */
  peek(): Word | undefined {
    return this.#words[this.#at];
  }

  /** @param expected what stands here in a record. @throws {RangeError} when the text has ended. */
  next(expected: string): Word {
    const word = this.#words[this.#at];
    if (word === undefined) throw new RangeError(`expected ${expected}, got the end of the text`);
    this.#at += 1;
    return word;
  }

  /** All that is left, at least one word. @throws {RangeError} */
  rest(expected: string): Word[] {
    const words = [this.next(expected)];
    while (this.hasMore) words.push(this.next(expected));
    return words;
  }

  /** @throws {RangeError} when something is left. */
  end(): void {
    const word = this.peek();
    if (word !== undefined) throw new RangeError(`expected nothing more, got "${word.text}"`);
  }
}

/** Text of an expression to its tokens. */

export class ExpressionError extends Error {
  readonly code = "EXPRESSION";

  /** @param at character of the expression, from 0. */
  constructor(what: string, at: number) {
    super(`${what} at character ${at + 1}`);
    this.name = "ExpressionError";
  }
}

export type TokenKind = "number" | "string" | "word" | "operator" | "end";

export interface ExpressionToken {
  readonly kind: TokenKind;
  /** Of a string, what it says. */
  readonly text: string;
  readonly at: number;
}

/** What a token may be, in the order of trying: "0x1f" is not "0". */
const PATTERNS: readonly (readonly [TokenKind | "space", RegExp])[] = [
  ["space", /\s+/y],
  ["number", /0x[0-9a-f]+|(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?/iy],
  ["word", /[a-z_][a-z0-9_]*/iy],
  ["operator", /\*\*|\.\.|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:()[\],]/y],
  ["string", /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/sy],
];
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** @throws {ExpressionError} */
export function tokensOf(text: string): ExpressionToken[] {
  const tokens: ExpressionToken[] = [];
  let at = 0;
  while (at < text.length) {
    const [kind, piece] = pieceAt(text, at);
    if (kind === "string") tokens.push({ kind, text: unquoted(piece), at });
    else if (kind !== "space") tokens.push({ kind, text: piece, at });
    at += piece.length;
  }
  tokens.push({ kind: "end", text: "the end", at: text.length });
  return tokens;
}

function pieceAt(text: string, at: number): [kind: TokenKind | "space", piece: string] {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) return [kind, match[0]];
  }
  const isOpen = /["'`]/.test(text[at]);
  const what = isOpen ? `a string that ends in ${text[at]}` : "an expression";
  throw new ExpressionError(`expected ${what}, got "${text[at]}"`, at);
}

function unquoted(text: string): string {
  const inner = text.slice(1, -1);
  if (text.startsWith("`")) return inner;
  return inner.replace(/\\(.)/gs, (_, character: string) => ESCAPES[character] ?? character);
}

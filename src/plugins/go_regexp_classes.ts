/** Named sets of characters in Go's regular expressions, as ranges of code points. */

/** First and last code point, both inside. */
export type CodeRange = readonly [first: number, last: number];

const CODE_POINT_MAX = 0x10_ffff;

/** `\d`, `\s` and `\w` are ASCII in Go; `\s` of JavaScript is not. */
const PERL_CLASSES: Readonly<Record<string, string>> = {
  d: "09",
  s: "\t\n\f\r  ",
  w: "09AZ__az",
};

/** What stands between `[:` and `:]`: pairs of first and last character. */
const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: "09AZaz",
  alpha: "AZaz",
  ascii: "\0\x7f",
  blank: "\t\t  ",
  cntrl: "\0\x1f\x7f\x7f",
  digit: "09",
  graph: "!~",
  lower: "az",
  print: " ~",
  punct: "!/:@[`{~",
  space: "\t\r  ",
  upper: "AZ",
  word: "09AZ__az",
  xdigit: "09AFaf",
};

/**
 * `d` → digits, `D` → all that is none; null for another letter.
 *
 * @param foldsCase whether the other case of what is in the class belongs to it; matters for what
 * is not in it.
 */
export function perlClass(letter: string, foldsCase: boolean): readonly CodeRange[] | null {
  const lower = letter.toLowerCase();
  if (!Object.hasOwn(PERL_CLASSES, lower)) return null;
  const ranges = rangesOf(PERL_CLASSES[lower]!);
  return letter === lower ? ranges : complement(foldsCase ? folded(ranges) : ranges);
}

/** `alpha` → letters, `^alpha` → all that is none; null for an unknown name. */
export function posixClass(name: string, foldsCase: boolean): readonly CodeRange[] | null {
  const plain = name.startsWith("^") ? name.slice(1) : name;
  if (!Object.hasOwn(POSIX_CLASSES, plain)) return null;
  const ranges = rangesOf(POSIX_CLASSES[plain]!);
  return plain === name ? ranges : complement(foldsCase ? folded(ranges) : ranges);
}

/** `L`, `Greek`, `^Greek` → how JavaScript writes it; null for an unknown name. */
export function unicodeClass(name: string, isNegated: boolean): string | null {
  const plain = name.startsWith("^") ? name.slice(1) : name;
  const letter = isNegated === (plain === name) ? "P" : "p";
  const sources = [`\\${letter}{${plain}}`, `\\${letter}{Script=${plain}}`];
  return sources.find(isUnderstood) ?? null;
}

/** Ranges as they stand between brackets. */
export function rangesSource(ranges: readonly CodeRange[]): string {
  return ranges
    .map(([first, last]) => {
      const start = codePointSource(first);
      return first === last ? start : `${start}-${codePointSource(last)}`;
    })
    .join("");
}

/** A code point that stands for itself, in brackets and outside of them. */
export function codePointSource(code: number): string {
  const text = String.fromCodePoint(code);
  return /^[0-9A-Za-z]$/.test(text) ? text : `\\u{${code.toString(16)}}`;
}

function rangesOf(pairs: string): CodeRange[] {
  const ranges: CodeRange[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    ranges.push([pairs.charCodeAt(at), pairs.charCodeAt(at + 1)]);
  }
  return ranges;
}

/** ASCII ranges with the other case of their letters, in order. */
function folded(ranges: readonly CodeRange[]): CodeRange[] {
  const has = (code: number) => ranges.some(([first, last]) => code >= first && code <= last);
  const codes: number[] = [];
  for (let code = 0; code < 0x80; code++) {
    const text = String.fromCharCode(code);
    const isIn = [text, text.toLowerCase(), text.toUpperCase()].some((one) =>
      has(one.charCodeAt(0)),
    );
    if (isIn) codes.push(code);
  }
  // The only letters outside of ASCII that fold into it: long s and the Kelvin sign.
  if (codes.includes(0x73)) codes.push(0x17f);
  if (codes.includes(0x6b)) codes.push(0x212a);
  return codes.map((code) => [code, code]);
}

/** @param ranges in order. */
function complement(ranges: readonly CodeRange[]): CodeRange[] {
  const others: CodeRange[] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) others.push([next, first - 1]);
    next = last + 1;
  }
  return [...others, [next, CODE_POINT_MAX]];
}

function isUnderstood(source: string): boolean {
  try {
    new RegExp(source, "u");
    return true;
  } catch {
    return false;
  }
}

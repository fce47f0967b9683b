/**
 * The grammar of Go's regular expressions (RE2): a pattern to a tree.
 *
 * Knows what a pattern means and nothing of how it is matched. Whatever depends on the place in the
 * pattern is resolved here: flags, `\Q…\E`, classes and escapes are gone from the tree.
 */

import {
  type CodeRange,
  codePointSource,
  perlClass,
  posixClass,
  rangesSource,
  unicodeClass,
} from "./go_regexp_classes.ts";

export type Anchor = "textStart" | "textEnd" | "lineStart" | "lineEnd" | "word" | "noWord";

export type RegexpNode =
  /** One character: `source` is a JavaScript pattern that matches just those it may be. */
  | { readonly kind: "character"; readonly source: string }
  | { readonly kind: "anchor"; readonly anchor: Anchor }
  | { readonly kind: "sequence"; readonly nodes: readonly RegexpNode[] }
  | { readonly kind: "choice"; readonly nodes: readonly RegexpNode[] }
  /** Captured, from 1. */
  | { readonly kind: "group"; readonly number: number; readonly node: RegexpNode }
  | {
      readonly kind: "repeat";
      readonly node: RegexpNode;
      readonly min: number;
      /** May be infinite. */
      readonly max: number;
      readonly isLazy: boolean;
    };

export interface ParsedRegexp {
  readonly node: RegexpNode;
  /** By number of the group, with 0 for the whole match; empty for groups without a name. */
  readonly groupNames: readonly string[];
}

/** What is wrong with a pattern; the message completes "Cannot read REGEXP: …". */
export class RegexpError extends Error {
  override readonly name = "RegexpError";
}

const PATTERN_LENGTH_MAX = 10_000;
/** Both as in Go. */
const REPEAT_MAX = 1000;
const DEPTH_MAX = 1000;

const ESCAPED_CONTROLS: Readonly<Record<string, number>> = {
  a: 7,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
};

interface Flags {
  /** i */
  readonly foldsCase: boolean;
  /** m */
  readonly isMultiLine: boolean;
  /** s */
  readonly dotTakesNewline: boolean;
  /** U */
  readonly isUngreedy: boolean;
}

const FLAG_NAMES: Readonly<Record<string, keyof Flags>> = {
  i: "foldsCase",
  m: "isMultiLine",
  s: "dotTakesNewline",
  U: "isUngreedy",
};

/** @throws {RegexpError} */
export function parseGoRegexp(pattern: string): ParsedRegexp {
  if (pattern.length > PATTERN_LENGTH_MAX) {
    throw new RegexpError(`expected at most ${PATTERN_LENGTH_MAX} characters`);
  }
  return new Parser(pattern).parse();
}

class Parser {
  readonly #pattern: string;
  readonly #groupNames: string[] = [""];
  #at = 0;
  #depth = 0;
  #flags: Flags = {
    foldsCase: false,
    isMultiLine: false,
    dotTakesNewline: false,
    isUngreedy: false,
  };

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  parse(): ParsedRegexp {
    const node = this.#choice();
    if (this.#at < this.#pattern.length) throw new RegexpError('expected no ")" without its "("');
    checkRepeats(node, 1);
    return { node, groupNames: this.#groupNames };
  }

  #choice(): RegexpNode {
    const nodes = [this.#sequence()];
    while (this.#take("|")) nodes.push(this.#sequence());
    return nodes.length === 1 ? nodes[0]! : { kind: "choice", nodes };
  }

  #sequence(): RegexpNode {
    const nodes: RegexpNode[] = [];
    while (this.#at < this.#pattern.length && !this.#sees("|") && !this.#sees(")")) {
      const repeat = this.#repeatOperator();
      if (repeat === null) {
        nodes.push(...this.#atom());
        continue;
      }
      const node = nodes.pop();
      if (node === undefined) {
        throw new RegexpError(`expected something to repeat before "${repeat.text}"`);
      }
      const { text, min, max } = repeat;
      const isLazy = this.#take("?") !== this.#flags.isUngreedy;
      const second = this.#repeatOperator();
      if (second !== null) {
        throw new RegexpError(`expected no "${second.text}" right after "${text}"`);
      }
      nodes.push({ kind: "repeat", node, min, max, isLazy });
    }
    return nodes.length === 1 ? nodes[0]! : { kind: "sequence", nodes };
  }

  /** Takes `*`, `+`, `?`, `{2}`, `{2,}` or `{2,3}`; other braces stand for themselves. */
  #repeatOperator(): { text: string; min: number; max: number } | null {
    const rest = this.#pattern.slice(this.#at, this.#at + 30);
    const match = /^(?:[*+?]|\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\})/.exec(rest);
    if (match === null) return null;
    const [text, minText, comma, maxText] = match;
    this.#at += text.length;
    if (text === "*") return { text, min: 0, max: Number.POSITIVE_INFINITY };
    if (text === "+") return { text, min: 1, max: Number.POSITIVE_INFINITY };
    if (text === "?") return { text, min: 0, max: 1 };
    const min = Number(minText);
    const open = comma === undefined ? min : Number.POSITIVE_INFINITY;
    const max = maxText === undefined ? open : Number(maxText);
    if (min > REPEAT_MAX || (max > REPEAT_MAX && maxText !== undefined) || max < min) {
      throw new RegexpError(`expected counts up to ${REPEAT_MAX} in order, not "${text}"`);
    }
    return { text, min, max };
  }

  /** What stands for itself; several nodes for quoted text, none where only flags change. */
  #atom(): RegexpNode[] {
    const { isMultiLine, dotTakesNewline } = this.#flags;
    const character = this.#next();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return [this.#bracketClass()];
      case ".":
        return [{ kind: "character", source: dotTakesNewline ? "[^]" : "[^\\n]" }];
      case "^":
        return [{ kind: "anchor", anchor: isMultiLine ? "lineStart" : "textStart" }];
      case "$":
        return [{ kind: "anchor", anchor: isMultiLine ? "lineEnd" : "textEnd" }];
      case "\\":
        return this.#escape();
      default:
        return [this.#literal(character.codePointAt(0)!)];
    }
  }

  /** After `(`. */
  #group(): RegexpNode[] {
    const before = this.#flags;
    let number = 0;
    if (this.#take("?")) {
      const name = this.#groupName();
      if (name === null) {
        if (this.#readFlags() === ")") return [];
      } else {
        number = this.#groupNames.push(name) - 1;
      }
    } else {
      number = this.#groupNames.push("") - 1;
    }
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) {
      throw new RegexpError(`expected at most ${DEPTH_MAX} groups in each other`);
    }
    const node = this.#choice();
    this.#depth -= 1;
    if (!this.#take(")")) throw new RegexpError('expected a ")" for every "("');
    this.#flags = before;
    return number === 0 ? [wrapped(node)] : [{ kind: "group", number, node }];
  }

  /** After `(?`: takes `P<name>` or `<name>`. */
  #groupName(): string | null {
    const rest = this.#pattern.slice(this.#at);
    if (/^(?:[=!]|<[=!])/.test(rest)) {
      throw new RegexpError("expected no lookahead and no lookbehind: Go has none");
    }
    if (/^P[=>]/.test(rest)) throw new RegexpError("expected no backreference: Go has none");
    const match = /^P?<(\w+)>/.exec(rest);
    if (match === null) return null;
    this.#at += match[0].length;
    return match[1]!;
  }

  /** After `(?`: takes `i)`, `i-s:` …; returns the last character. */
  #readFlags(): string {
    const rest = this.#pattern.slice(this.#at);
    const match = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
    if (match === null) {
      const what = "flags of i, m, s and U, or a name";
      throw new RegexpError(`expected ${what} after "(?", not "${rest.slice(0, 3)}"`);
    }
    this.#at += match[0].length;
    const flags = { ...this.#flags };
    for (const flag of match[1]!) flags[FLAG_NAMES[flag]!] = true;
    for (const flag of match[2] ?? "") flags[FLAG_NAMES[flag]!] = false;
    this.#flags = flags;
    return match[3]!;
  }

  /** After a backslash outside of brackets. */
  #escape(): RegexpNode[] {
    if (this.#take("A")) return [{ kind: "anchor", anchor: "textStart" }];
    if (this.#take("z")) return [{ kind: "anchor", anchor: "textEnd" }];
    if (this.#take("b")) return [{ kind: "anchor", anchor: "word" }];
    if (this.#take("B")) return [{ kind: "anchor", anchor: "noWord" }];
    if (this.#take("Q")) return this.#quoted();
    const source = this.#classEscape();
    if (source !== null) return [this.#character(`[${source}]`)];
    return [this.#literal(this.#escapedCodePoint())];
  }

  /** After `\Q`, to `\E` or the end. */
  #quoted(): RegexpNode[] {
    const end = this.#pattern.indexOf("\\E", this.#at);
    const text = this.#pattern.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#pattern.length : end + 2;
    return [...text].map((character) => this.#literal(character.codePointAt(0)!));
  }

  /** After a backslash: takes `d`, `pL`, `p{Greek}` …: what stands for it between brackets. */
  #classEscape(): string | null {
    const letter = this.#pattern[this.#at] ?? "";
    const ranges = perlClass(letter, this.#flags.foldsCase);
    if (ranges !== null) {
      this.#at += 1;
      return rangesSource(ranges);
    }
    const match = /^[pP](?:\{([^}]*)\}|(.))/su.exec(this.#pattern.slice(this.#at));
    if (match === null) return null;
    const name = match[1] ?? match[2]!;
    const source = unicodeClass(name, letter === "P");
    if (source === null) throw new RegexpError(`expected a Unicode class, not "${name}"`);
    this.#at += match[0].length;
    return source;
  }

  /** After a backslash: an escape that stands for one character. */
  #escapedCodePoint(): number {
    const rest = this.#pattern.slice(this.#at);
    if (/^(?:[1-9](?![0-7])|[89]|k)/.test(rest)) {
      throw new RegexpError(`expected no backreference such as "\\${rest[0]}": Go has none`);
    }
    const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
    const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,8})\})/.exec(rest);
    const code = hex === null ? Number.NaN : Number.parseInt(hex[1] ?? hex[2]!, 16);
    if (octal !== null) {
      this.#at += octal[0].length;
      return Number.parseInt(octal[0], 8);
    }
    if (hex !== null && code <= 0x10_ffff) {
      this.#at += hex[0].length;
      return code;
    }
    const [character = ""] = rest;
    if (character !== "" && character < "\x80" && !/[0-9A-Za-z]/.test(character)) {
      this.#at += 1;
      return character.charCodeAt(0);
    }
    if (Object.hasOwn(ESCAPED_CONTROLS, character)) {
      this.#at += 1;
      return ESCAPED_CONTROLS[character]!;
    }
    if (character === "") throw new RegexpError("expected something after the last backslash");
    throw new RegexpError(`expected an escape that Go knows, not "\\${character}"`);
  }

  /** After `[`. */
  #bracketClass(): RegexpNode {
    const isNegated = this.#take("^");
    let source = "";
    for (let isFirst = true; isFirst || !this.#sees("]"); isFirst = false) {
      if (this.#at >= this.#pattern.length) throw new RegexpError('expected a "]" for every "["');
      source += this.#posixClass() ?? this.#escapedClass() ?? rangesSource([this.#range()]);
    }
    this.#at += 1;
    return this.#character(`[${isNegated ? "^" : ""}${source}]`);
  }

  /** Takes `[:alpha:]`. */
  #posixClass(): string | null {
    const match = /^\[:(.*?):\]/s.exec(this.#pattern.slice(this.#at));
    if (match === null) return null;
    const ranges = posixClass(match[1]!, this.#flags.foldsCase);
    if (ranges === null) throw new RegexpError(`expected a POSIX class, not "${match[0]}"`);
    this.#at += match[0].length;
    return rangesSource(ranges);
  }

  /** Takes `\d`, `\pL` … between brackets. */
  #escapedClass(): string | null {
    if (!this.#take("\\")) return null;
    const source = this.#classEscape();
    if (source === null) this.#at -= 1;
    return source;
  }

  /** Takes `a` or `a-z`. */
  #range(): CodeRange {
    const start = this.#at;
    const first = this.#classCharacter();
    if (!this.#sees("-") || this.#pattern[this.#at + 1] === "]") return [first, first];
    this.#at += 1;
    const last = this.#classCharacter();
    if (last >= first) return [first, last];
    const text = this.#pattern.slice(start, this.#at);
    throw new RegexpError(`expected the lower end of a range first, not "${text}"`);
  }

  #classCharacter(): number {
    if (this.#at >= this.#pattern.length) throw new RegexpError('expected a "]" for every "["');
    return this.#take("\\") ? this.#escapedCodePoint() : this.#next().codePointAt(0)!;
  }

  #literal(code: number): RegexpNode {
    const text = String.fromCodePoint(code);
    const isCased = text.toLowerCase() !== text.toUpperCase();
    const source = codePointSource(code);
    return isCased ? this.#character(source) : { kind: "character", source };
  }

  #character(source: string): RegexpNode {
    return { kind: "character", source: this.#flags.foldsCase ? `(?i:${source})` : source };
  }

  #next(): string {
    const character = String.fromCodePoint(this.#pattern.codePointAt(this.#at)!);
    this.#at += character.length;
    return character;
  }

  #sees(character: string): boolean {
    return this.#pattern[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#sees(character)) return false;
    this.#at += 1;
    return true;
  }
}

/** A group is one thing to repeat, whatever is in it. */
function wrapped(node: RegexpNode): RegexpNode {
  return node.kind === "choice" ? { kind: "sequence", nodes: [node] } : node;
}

/** Counted repeats in each other multiply; Go takes no more than REPEAT_MAX in all. */
function checkRepeats(node: RegexpNode, times: number): void {
  if (node.kind === "character" || node.kind === "anchor") return;
  if (node.kind === "group") {
    checkRepeats(node.node, times);
  } else if (node.kind === "repeat") {
    const own = Number.isFinite(node.max) ? node.max : node.min;
    const all = times * Math.max(own, 1);
    if (all > REPEAT_MAX) {
      throw new RegexpError(`expected at most ${REPEAT_MAX} repeats, counting those in each other`);
    }
    checkRepeats(node.node, all);
  } else {
    for (const child of node.nodes) checkRepeats(child, times);
  }
}

/**
 * Regular expressions as Go's `regexp` package understands them, for the plugins whose Corefile
 * syntax has them.
 *
 *   pattern ─ go_regexp_syntax ─ tree ─┬─ cheap for any text ─ the runtime's engine, translated
 *                                      └─ all others ──────── linear_matcher
 *
 * Patterns are the operator's, but what they are matched against is chosen by whoever asks: the
 * runtime's engine, several times faster on usual text, can be made to take seconds by some.
 */

import { type Anchor, parseGoRegexp, RegexpError, type RegexpNode } from "./go_regexp_syntax.ts";
import { isNullable, LinearMatcher } from "./linear_matcher.ts";

/** Length of a text in the estimates of what a match takes: DNS names are hardly longer. */
const TEXT_LENGTH = 256;
/** Steps that the runtime's engine may take: some 0.1 ms. */
const STEPS_MAX = TEXT_LENGTH * TEXT_LENGTH;

/** What Go's anchors are in JavaScript, whose own `m` knows more line ends than `\n`. */
const ANCHOR_SOURCES: Readonly<Record<Anchor, string>> = {
  textStart: "^",
  textEnd: "$",
  lineStart: "(?<![^\\n])",
  lineEnd: "(?![^\\n])",
  word: "\\b",
  noWord: "\\B",
};

export class GoRegexp {
  /** As written. */
  readonly pattern: string;
  /** By number of the group, with 0 for the whole match; empty for groups without a name. */
  readonly groupNames: readonly string[];
  /** One of the two. */
  readonly #regexp: RegExp | null;
  readonly #linear: LinearMatcher | null;

  /** @throws {RegexpError} */
  constructor(pattern: string) {
    const parsed = parseGoRegexp(pattern);
    this.pattern = pattern;
    this.groupNames = parsed.groupNames;
    const { node, groupNames } = parsed;
    const isCheap = stepsOf(node) * (startsAnchored(node) ? 1 : TEXT_LENGTH) <= STEPS_MAX;
    this.#regexp = isCheap ? new RegExp(sourceOf(node), "u") : null;
    this.#linear = isCheap ? null : new LinearMatcher(node, groupNames.length - 1);
  }

  /** Whether some part of `text` matches. */
  test(text: string): boolean {
    return this.#regexp === null ? this.match(text) !== null : this.#regexp.test(text);
  }

  /**
   * The leftmost match in `text`: itself and the text of each group, empty for groups that have no
   * part in it. Null when there is none.
   */
  match(text: string): string[] | null {
    if (this.#regexp === null) return this.#linear?.match(text) ?? null;
    const match = this.#regexp.exec(text);
    return match === null ? null : Array.from(match, (group) => group ?? "");
  }
}

/** What is wrong with `pattern`: "expected …", or null. */
export function goRegexpProblem(pattern: string): string | null {
  try {
    new GoRegexp(pattern);
    return null;
  } catch (error) {
    if (error instanceof RegexpError) return error.message;
    // The translation is at fault; a Corefile must not end the process.
    return "expected a regular expression";
  }
}

/**
 * The most steps that the runtime's engine takes from one start on TEXT_LENGTH characters; infinite
 * where that is not known, and where it means something else than Go: it forgets what groups held
 * in an earlier round, and takes no round that is empty.
 */
function stepsOf(node: RegexpNode): number {
  switch (node.kind) {
    case "character":
    case "anchor":
      return 1;
    case "sequence":
      return node.nodes.reduce((steps, child) => steps * stepsOf(child), 1);
    case "choice":
      return node.nodes.reduce((steps, child) => steps + stepsOf(child), 0);
    case "group":
      return stepsOf(node.node);
    case "repeat": {
      const steps = stepsOf(node.node);
      if (isNullable(node.node)) return Number.POSITIVE_INFINITY;
      if (node.max <= 1) return steps + 1;
      if (steps > 1 || hasGroup(node.node)) return Number.POSITIVE_INFINITY;
      return Math.min(node.max - node.min + 1, TEXT_LENGTH);
    }
  }
}

function hasGroup(node: RegexpNode): boolean {
  switch (node.kind) {
    case "group":
      return true;
    case "repeat":
      return hasGroup(node.node);
    case "sequence":
    case "choice":
      return node.nodes.some(hasGroup);
    default:
      return false;
  }
}

function startsAnchored(node: RegexpNode): boolean {
  switch (node.kind) {
    case "anchor":
      return node.anchor === "textStart";
    case "sequence":
      return node.nodes[0] !== undefined && startsAnchored(node.nodes[0]);
    case "group":
      return startsAnchored(node.node);
    case "choice":
      return node.nodes.every(startsAnchored);
    default:
      return false;
  }
}

function sourceOf(node: RegexpNode): string {
  switch (node.kind) {
    case "character":
      return node.source;
    case "anchor":
      return ANCHOR_SOURCES[node.anchor];
    case "sequence":
      return node.nodes
        .map((child) => (child.kind === "choice" ? `(?:${sourceOf(child)})` : sourceOf(child)))
        .join("");
    case "choice":
      return node.nodes.map(sourceOf).join("|");
    case "group":
      return `(${sourceOf(node.node)})`;
    case "repeat":
      return `${repeatedSource(node.node)}${countSource(node.min, node.max)}${node.isLazy ? "?" : ""}`;
  }
}

function repeatedSource(node: RegexpNode): string {
  const source = sourceOf(node);
  return node.kind === "character" || node.kind === "group" ? source : `(?:${source})`;
}

function countSource(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
  if (min === 0 && max === 1) return "?";
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

/**
 * Regular expressions as Go's `regexp` package understands them, for the plugins whose Corefile
 * syntax has them. They are translated to the runtime's own.
 */

import { type Anchor, parseGoRegexp, RegexpError, type RegexpNode } from "./go_regexp_syntax.ts";

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
  readonly #regexp: RegExp;

  /** @throws {RegexpError} */
  constructor(pattern: string) {
    const parsed = parseGoRegexp(pattern);
    this.pattern = pattern;
    this.groupNames = parsed.groupNames;
    this.#regexp = new RegExp(sourceOf(parsed.node), "u");
  }

  /** Whether some part of `text` matches. */
  test(text: string): boolean {
    return this.#regexp.test(text);
  }

  /**
   * The leftmost match in `text`: itself and the text of each group, empty for groups that have no
   * part in it. Null when there is none.
   */
  match(text: string): string[] | null {
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

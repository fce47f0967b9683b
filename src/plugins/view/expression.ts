/**
 * Expressions of `view`: read once, with the kind of every part known, and then asked for each
 * query.
 *
 * The language is that part of expr-lang (which CoreDNS uses) that needs no variables.
 */

import { ExpressionError, type ExpressionToken, tokensOf } from "./expression_tokens.ts";
import { callOf } from "./functions.ts";
import { binaryOf, negate, unaryOf } from "./operators.ts";
import type { QueryFacts } from "./query_facts.ts";

export type Value = boolean | number | string | readonly Value[];

export type Kind = "boolean" | "number" | "string" | "list";

/** A part of an expression. */
export interface Part {
  readonly kind: Kind;
  /** Where it begins, from 0. */
  readonly at: number;
  /** Of a part that is the same for every query. */
  readonly constant?: Value;
  value(facts: QueryFacts): Value;
}

/** Whether a query belongs to the server block. */
export type Condition = (facts: QueryFacts) => boolean;

/** How tightly operators bind, as in expr-lang. */
const PRECEDENCES: Readonly<Record<string, number>> = {
  ...{ "||": 1, or: 1, "&&": 2, and: 2 },
  ...{ "==": 3, "!=": 3, "<": 3, ">": 3, "<=": 3, ">=": 3 },
  ...{ in: 3, matches: 3, contains: 3, startsWith: 3, endsWith: 3 },
  ...{ "..": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "**": 9 },
};
const NOT_PRECEDENCE = 7;
const SIGN_PRECEDENCE = 8;
/** What `not` may stand before: `x not in y`. */
const NEGATABLE = ["in", "matches", "contains", "startsWith", "endsWith"];

/** @throws {ExpressionError} whose message completes "Cannot read expression: ". */
export function parseCondition(text: string): Condition {
  const part = new Parser(tokensOf(text)).read();
  if (part.kind !== "boolean") {
    throw new ExpressionError(`expected true or false, got a ${part.kind}`, part.at);
  }
  return (facts) => part.value(facts) === true;
}

class Parser {
  readonly #tokens: readonly ExpressionToken[];
  #next = 0;

  constructor(tokens: readonly ExpressionToken[]) {
    this.#tokens = tokens;
  }

  read(): Part {
    const part = this.#conditional();
    const rest = this.#peek();
    if (rest.kind !== "end") {
      throw new ExpressionError(`expected an operator, got "${rest.text}"`, rest.at);
    }
    return part;
  }

  /** `A ? B : C` binds least. */
  #conditional(): Part {
    const asked = this.#binary(0);
    if (!this.#takes("?")) return asked;
    if (asked.kind !== "boolean") {
      throw new ExpressionError(`expected true or false, got a ${asked.kind}`, asked.at);
    }
    const yes = this.#conditional();
    this.#expect(":");
    const no = this.#conditional();
    if (yes.kind !== no.kind) {
      throw new ExpressionError(`expected a ${yes.kind} as before ":", got a ${no.kind}`, no.at);
    }
    const value = (facts: QueryFacts) => (asked.value(facts) ? yes : no).value(facts);
    return { kind: yes.kind, at: asked.at, value };
  }

  #binary(minimum: number): Part {
    let left = this.#unary();
    for (;;) {
      const isNegated = this.#isNegatedOperator();
      const token = this.#peek(isNegated ? 1 : 0);
      const precedence = token.kind === "string" ? 0 : (PRECEDENCES[token.text] ?? 0);
      if (precedence === 0 || precedence <= minimum) return left;
      this.#next += isNegated ? 2 : 1;
      // "**" groups from the right.
      const right = this.#binary(token.text === "**" ? precedence - 1 : precedence);
      const made = binaryOf(token.text, left, right, token.at);
      left = isNegated ? negate(made) : made;
    }
  }

  #unary(): Part {
    const token = this.#peek();
    if (token.kind !== "string" && ["!", "not", "-", "+"].includes(token.text)) {
      this.#next += 1;
      const isSign = token.text === "-" || token.text === "+";
      const operand = this.#binary((isSign ? SIGN_PRECEDENCE : NOT_PRECEDENCE) - 1);
      return unaryOf(token.text, operand, token.at);
    }
    return this.#primary();
  }

  #primary(): Part {
    const token = this.#peek();
    this.#next += 1;
    if (token.kind === "number") return numberOf(token);
    if (token.kind === "string") return constantOf("string", token.text, token.at);
    if (token.kind === "word") return this.#word(token);
    if (token.text === "(") {
      const inner = this.#conditional();
      this.#expect(")");
      return inner;
    }
    if (token.text === "[") return listOf(this.#until("]"), token.at);
    const got = token.kind === "end" ? "nothing more" : `"${token.text}"`;
    throw new ExpressionError(`expected a value, got ${got}`, token.at);
  }

  #word(token: ExpressionToken): Part {
    if (token.text === "true" || token.text === "false") {
      return constantOf("boolean", token.text === "true", token.at);
    }
    if (!this.#takes("(")) {
      const advice = `expected "(" behind "${token.text}", or quotes round it`;
      throw new ExpressionError(advice, token.at);
    }
    return callOf(token.text, this.#until(")"), token.at);
  }

  /** Parts with commas between them, up to `close`. */
  #until(close: string): Part[] {
    const parts: Part[] = [];
    if (this.#takes(close)) return parts;
    for (;;) {
      parts.push(this.#conditional());
      if (this.#takes(close)) return parts;
      this.#expect(",");
      if (close === "]" && this.#takes(close)) return parts;
    }
  }

  #isNegatedOperator(): boolean {
    return this.#peek().text === "not" && NEGATABLE.includes(this.#peek(1).text);
  }

  #peek(ahead = 0): ExpressionToken {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)];
  }

  #takes(text: string): boolean {
    const token = this.#peek();
    if (token.kind !== "operator" || token.text !== text) return false;
    this.#next += 1;
    return true;
  }

  #expect(text: string): void {
    const token = this.#peek();
    if (this.#takes(text)) return;
    const got = token.kind === "end" ? "nothing more" : `"${token.text}"`;
    throw new ExpressionError(`expected "${text}", got ${got}`, token.at);
  }
}

function numberOf(token: ExpressionToken): Part {
  return constantOf("number", Number(token.text.replaceAll("_", "")), token.at);
}

function constantOf(kind: Kind, constant: Value, at: number): Part {
  return { kind, at, constant, value: () => constant };
}

function listOf(parts: readonly Part[], at: number): Part {
  if (parts.every(({ constant }) => constant !== undefined)) {
    return constantOf(
      "list",
      parts.map(({ constant }) => constant!),
      at,
    );
  }
  return { kind: "list", at, value: (facts) => parts.map((part) => part.value(facts)) };
}

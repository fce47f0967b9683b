/** Operators of expressions: what they take and what they make of it. */

import { GoRegexp, goRegexpProblem } from "../go_regexp.ts";
import type { Kind, Part, Value } from "./expression.ts";
import { ExpressionError } from "./expression_tokens.ts";
import type { QueryFacts } from "./query_facts.ts";

/** The longest list that `..` makes. */
const RANGE_LENGTH_MAX = 65_536;

/** For each operator, what its sides must be, what it is, and how it is done. */
interface Operation {
  readonly takes: Kind;
  readonly makes: Kind;
  readonly apply: (left: never, right: never) => Value;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  "<": numbers("boolean", (left, right) => left < right),
  ">": numbers("boolean", (left, right) => left > right),
  "<=": numbers("boolean", (left, right) => left <= right),
  ">=": numbers("boolean", (left, right) => left >= right),
  "-": numbers("number", (left, right) => left - right),
  "*": numbers("number", (left, right) => left * right),
  "/": numbers("number", (left, right) => left / right),
  "%": numbers("number", (left, right) => left % right),
  "**": numbers("number", (left, right) => left ** right),
  "..": numbers("list", range),
  contains: strings((left, right) => left.includes(right)),
  startsWith: strings((left, right) => left.startsWith(right)),
  endsWith: strings((left, right) => left.endsWith(right)),
};

/** @param at of the operator. @throws {ExpressionError} */
export function binaryOf(operator: string, left: Part, right: Part, at: number): Part {
  switch (operator) {
    case "&&":
    case "and":
      expectKind(left, "boolean", operator);
      expectKind(right, "boolean", operator);
      return part("boolean", left.at, (facts) => left.value(facts) && right.value(facts));
    case "||":
    case "or":
      expectKind(left, "boolean", operator);
      expectKind(right, "boolean", operator);
      return part("boolean", left.at, (facts) => left.value(facts) || right.value(facts));
    case "==":
    case "!=": {
      if (left.kind !== right.kind || left.kind === "list") {
        throw new ExpressionError(`expected two alike, got a ${left.kind} and a ${right.kind}`, at);
      }
      const isWanted = operator === "==";
      const isEqual = (facts: QueryFacts) => left.value(facts) === right.value(facts);
      return part("boolean", left.at, (facts) => isEqual(facts) === isWanted);
    }
    case "in":
      expectKind(right, "list", operator);
      return part("boolean", left.at, (facts) => {
        return (right.value(facts) as readonly Value[]).includes(left.value(facts));
      });
    case "matches":
      return matching(left, right);
    case "+":
      if (left.kind === "string") return concatenated(left, right);
      return applied(
        numbers("number", (one, other) => one + other),
        operator,
        left,
        right,
      );
    default:
      return applied(OPERATIONS[operator], operator, left, right);
  }
}

/** @throws {ExpressionError} */
export function unaryOf(operator: string, operand: Part, at: number): Part {
  if (operator === "!" || operator === "not") {
    expectKind(operand, "boolean", operator);
    return { ...negate(operand), at };
  }
  expectKind(operand, "number", operator);
  const sign = operator === "-" ? -1 : 1;
  return part("number", at, (facts) => sign * (operand.value(facts) as number));
}

export function negate(operand: Part): Part {
  return part("boolean", operand.at, (facts) => !operand.value(facts));
}

/** @throws {ExpressionError} */
export function expectKind(operand: Part, kind: Kind, operator: string): void {
  if (operand.kind === kind) return;
  const what = `expected a ${kind} beside "${operator}", got a ${operand.kind}`;
  throw new ExpressionError(what, operand.at);
}

function applied(operation: Operation, operator: string, left: Part, right: Part): Part {
  expectKind(left, operation.takes, operator);
  expectKind(right, operation.takes, operator);
  // Both sides are of the kind that it takes.
  return part(operation.makes, left.at, (facts) =>
    operation.apply(left.value(facts) as never, right.value(facts) as never),
  );
}

function concatenated(left: Part, right: Part): Part {
  expectKind(right, "string", "+");
  return part("string", left.at, (facts) => `${left.value(facts)}${right.value(facts)}`);
}

/** The expression is read once, so it must be known beforehand. */
function matching(left: Part, right: Part): Part {
  expectKind(left, "string", "matches");
  if (typeof right.constant !== "string") {
    throw new ExpressionError('expected a regular expression in quotes behind "matches"', right.at);
  }
  const problem = goRegexpProblem(right.constant);
  if (problem !== null) {
    throw new ExpressionError(`${problem} in the regular expression`, right.at);
  }
  const regexp = new GoRegexp(right.constant);
  return part("boolean", left.at, (facts) => regexp.test(left.value(facts) as string));
}

function part(kind: Kind, at: number, value: (facts: QueryFacts) => Value): Part {
  return { kind, at, value };
}

function numbers(makes: Kind, apply: (left: number, right: number) => Value): Operation {
  return { takes: "number", makes, apply };
}

function strings(apply: (left: string, right: string) => boolean): Operation {
  return { takes: "string", makes: "boolean", apply };
}

function range(first: number, last: number): number[] {
  const length = Math.min(Math.max(0, Math.floor(last - first) + 1), RANGE_LENGTH_MAX);
  return Array.from({ length: Number.isNaN(length) ? 0 : length }, (_, index) => first + index);
}

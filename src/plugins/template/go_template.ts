/**
 * Reads Go's text/template language, as far as Corefiles use it:
 *
 *   {{ .Name }} 60 IN A {{ index .Match 1 }}{{ if eq .Type "A" }}…{{ else }}…{{ end }}
 *
 * Pipelines, variables, `if`, `with`, `range`, comments, trimming and the functions of
 * go_template_nodes.ts. What is not supported, and a field that the data do not have, is an error
 * with its place: nothing of that kind is left for the time of a query.
 */

import { suggestWord } from "../../std/nearest_word.ts";
import { ActionLexer, type ActionToken, TemplateSyntaxError } from "./go_template_lexer.ts";
import {
  TEMPLATE_FUNCTIONS,
  type TemplateBranch,
  type TemplateExpression,
  type TemplateNode,
} from "./go_template_nodes.ts";

export { TemplateSyntaxError } from "./go_template_lexer.ts";

const UNSUPPORTED = ["block", "break", "continue", "define", "template"];
const UNSUPPORTED_FUNCTIONS = ["call", "html", "js", "urlquery"];
/** Deeper nesting is nobody's template. */
const DEPTH_MAX = 50;

/** What the data look like: null is a plain value, "map" takes any field. */
type Shape = null | "map" | { readonly [field: string]: Shape };
const QUESTION: Shape = { Name: null, Qtype: null, Qclass: null };
const DATA: Shape = {
  Zone: null,
  Name: null,
  ID: null,
  Class: null,
  Type: null,
  Regex: null,
  Match: null,
  Group: "map",
  Remote: null,
  Question: QUESTION,
  Message: {
    Id: null,
    Response: null,
    Opcode: null,
    Authoritative: null,
    Truncated: null,
    RecursionDesired: null,
    RecursionAvailable: null,
    Zero: null,
    AuthenticatedData: null,
    CheckingDisabled: null,
    Rcode: null,
    Question: null,
  },
};

/** @throws {TemplateSyntaxError} with the place in `source`. */
export function parseGoTemplate(source: string): TemplateNode[] {
  return new Parser(source).run();
}

class Parser {
  readonly #lexer: ActionLexer;
  /** Names of variables that can be used here. */
  readonly #variables: string[] = [""];
  /** Whether `.` is all data here: not within `with` and `range`. */
  #isDotAll = true;
  #depth = 0;

  constructor(source: string) {
    this.#lexer = new ActionLexer(source);
  }

  run(): TemplateNode[] {
    const { nodes, stop } = this.#nodes();
    if (stop !== null) throw this.#error(`expected no {{ ${stop.text} }} here`, stop.offset);
    return nodes;
  }

  /** Up to `{{ end }}`, `{{ else` or the end of the text. */
  #nodes(): { nodes: TemplateNode[]; stop: ActionToken | null } {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const text = this.#lexer.text();
      if (text !== "") nodes.push({ kind: "text", text });
      if (!this.#lexer.open()) return { nodes, stop: null };
      const word = this.#lexer.peek();
      if (word.kind === "word" && (word.text === "end" || word.text === "else")) {
        this.#lexer.next();
        if (word.text === "end") this.#lexer.close();
        return { nodes, stop: word };
      }
      nodes.push(this.#action(word));
    }
  }

  #action(word: ActionToken): TemplateNode {
    if (word.kind === "word" && UNSUPPORTED.includes(word.text)) {
      throw this.#error(`{{ ${word.text} }} is not supported`, word.offset);
    }
    if (word.kind === "word" && ["if", "with", "range"].includes(word.text)) {
      this.#lexer.next();
      return this.#branch(word.text as TemplateBranch["kind"], word.offset);
    }
    const names = this.#names();
    if (names !== null && names.names.length > 1) {
      throw this.#error("expected one variable", names.offset);
    }
    const value = this.#pipeline();
    this.#lexer.close();
    if (names === null) return { kind: "output", value };
    const [name] = names.names;
    if (names.isNew) this.#variables.push(name!);
    return { kind: "set", name: name!, isNew: names.isNew, value };
  }

  #branch(kind: TemplateBranch["kind"], offset: number): TemplateBranch {
    const variableCount = this.#variables.length;
    const isDotAll = this.#isDotAll;
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw this.#error("expected less nesting", offset);
    const names = this.#names();
    if (names !== null && (names.names.length > (kind === "range" ? 2 : 1) || !names.isNew)) {
      throw this.#error(`expected $NAME := after ${kind}`, names.offset);
    }
    const value = this.#pipeline();
    this.#lexer.close();
    const declared = names?.names ?? [];
    this.#variables.push(...declared);
    if (kind !== "if") this.#isDotAll = false;
    const { nodes: body, stop } = this.#nodes();
    this.#isDotAll = isDotAll;
    const otherwise = stop?.text === "else" ? this.#otherwise(kind, offset) : [];
    if (stop === null) throw this.#error(`{{ ${kind} }} has no {{ end }}`, offset);
    this.#variables.length = variableCount;
    this.#depth -= 1;
    const indexName = declared.length === 2 ? declared[0]! : "";
    return { kind, indexName, elementName: declared.at(-1) ?? "", value, body, otherwise };
  }

  /** What follows `{{ else`: the end of the action, or another `if` whose end is ours. */
  #otherwise(kind: TemplateBranch["kind"], offset: number): TemplateNode[] {
    const word = this.#lexer.peek();
    if (word.kind === "word" && word.text === kind && kind !== "range") {
      this.#lexer.next();
      return [this.#branch(kind, word.offset)];
    }
    this.#lexer.close();
    const { nodes, stop } = this.#nodes();
    if (stop === null) throw this.#error(`{{ ${kind} }} has no {{ end }}`, offset);
    if (stop.text === "else") throw this.#error("expected one {{ else }}", stop.offset);
    return nodes;
  }

  /** `$a :=`, `$a, $b :=` or `$a =` before a pipeline; null when there is none of it. */
  #names(): { names: string[]; isNew: boolean; offset: number } | null {
    const { offset } = this.#lexer.peek();
    const declaration = this.#lexer.takeDeclaration();
    if (declaration === null) return null;
    if (!declaration.isNew) {
      for (const name of declaration.names) this.#checkVariable(name, offset);
    }
    return { ...declaration, offset };
  }

  #pipeline(): TemplateExpression {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) {
      throw this.#error("expected less nesting", this.#lexer.peek().offset);
    }
    let value = this.#command(null);
    while (this.#lexer.peek().text === "|") {
      this.#lexer.next();
      value = this.#command(value);
    }
    this.#depth -= 1;
    return value;
  }

  /** @param piped the value before `|`, which becomes the last argument. */
  #command(piped: TemplateExpression | null): TemplateExpression {
    const first = this.#lexer.peek();
    if (first.kind === "word" && !["true", "false", "nil"].includes(first.text)) {
      this.#lexer.next();
      return this.#call(first, piped);
    }
    const isMeta = first.kind === "field" && first.text === "Meta" && this.#isDotAll;
    const isRootMeta =
      first.kind === "variable" && first.text === "" && this.#lexer.isFollowedBy("Meta");
    if (isMeta || isRootMeta) {
      this.#lexer.next();
      const method = isRootMeta ? this.#lexer.next() : first;
      return this.#call(method, piped);
    }
    const value = this.#operand();
    const next = this.#lexer.peek();
    if (piped !== null) {
      throw this.#error("expected a function after '|'", first.offset);
    }
    if (next.kind !== "end" && next.text !== "|" && next.text !== ")") {
      throw this.#error(`expected a function before "${next.text}"`, first.offset);
    }
    return value;
  }

  #call(name: ActionToken, piped: TemplateExpression | null): TemplateExpression {
    if (!Object.hasOwn(TEMPLATE_FUNCTIONS, name.text)) {
      const isKnown = UNSUPPORTED_FUNCTIONS.includes(name.text);
      const near = suggestWord(name.text, Object.keys(TEMPLATE_FUNCTIONS));
      const problem = isKnown ? "is not supported" : `is no function of templates${near}`;
      throw this.#error(`"${name.text}" ${problem}`, name.offset);
    }
    const args: TemplateExpression[] = [];
    for (;;) {
      const next = this.#lexer.peek();
      if (next.kind === "end" || next.text === "|" || next.text === ")") break;
      args.push(this.#operand());
    }
    if (piped !== null) args.push(piped);
    const [min, max] = TEMPLATE_FUNCTIONS[name.text]!;
    if (args.length < min || args.length > max) {
      const wanted =
        min === max ? String(min) : args.length < min ? `at least ${min}` : `at most ${max}`;
      const got = `expected ${wanted} argument${wanted.endsWith(" 1") || wanted === "1" ? "" : "s"}, got ${args.length}`;
      throw this.#error(`"${name.text}": ${got}`, name.offset);
    }
    return { kind: "call", name: name.text, args };
  }

  #operand(): TemplateExpression {
    const token = this.#lexer.next();
    switch (token.kind) {
      case "literal":
        return this.#fields({ kind: "literal", value: token.value }, null, token);
      case "word": {
        if (token.text === "true" || token.text === "false") {
          return { kind: "literal", value: token.text === "true" };
        }
        if (token.text === "nil") return { kind: "literal", value: null };
        // A function without arguments, as an argument: print.
        return this.#call0(token);
      }
      case "dot":
        return { kind: "dot" };
      case "field": {
        const shape = this.#isDotAll ? fieldShape(DATA, token) : undefined;
        return this.#fields({ kind: "field", of: { kind: "dot" }, name: token.text }, shape, token);
      }
      case "variable": {
        this.#checkVariable(token.text, token.offset);
        const shape = token.text === "" ? DATA : undefined;
        return this.#fields({ kind: "variable", name: token.text }, shape, token);
      }
      default: {
        if (token.text === "(") return this.#parenthesized(token);
        const got = token.kind === "end" ? "the end" : `"${token.text}"`;
        throw this.#error(`expected a value, got ${got}`, token.offset);
      }
    }
  }

  #call0(name: ActionToken): TemplateExpression {
    const [min] = TEMPLATE_FUNCTIONS[name.text] ?? [-1];
    if (min === 0) return { kind: "call", name: name.text, args: [] };
    throw this.#error(`expected a value, got "${name.text}": use (${name.text} …)`, name.offset);
  }

  #parenthesized(open: ActionToken): TemplateExpression {
    const value = this.#pipeline();
    if (this.#lexer.next().text !== ")") throw this.#error("expected a ')'", open.offset);
    return this.#fields(value, undefined, open);
  }

  /**
   * `.A.B` right behind a value, without a space. @param shape of the value, undefined if unknown.
   */
  #fields(
    value: TemplateExpression,
    shape: Shape | undefined,
    token: ActionToken,
  ): TemplateExpression {
    let result = value;
    let known = shape;
    let field = this.#lexer.takeAttachedField();
    while (field !== null) {
      if (value.kind === "literal") {
        throw this.#error(`expected no field of ${token.text}`, field.offset);
      }
      if (known !== undefined) known = fieldShape(known, field);
      result = { kind: "field", of: result, name: field.text };
      field = this.#lexer.takeAttachedField();
    }
    return result;
  }

  #checkVariable(name: string, offset: number): void {
    if (this.#variables.includes(name)) return;
    throw this.#error(`$${name} has no value here: write {{ $${name} := VALUE }} first`, offset);
  }

  #error(problem: string, offset: number): TemplateSyntaxError {
    return new TemplateSyntaxError(problem, offset);
  }
}

/**
 * The shape of a field of known data. @throws {TemplateSyntaxError} when there is no such field.
 */
function fieldShape(shape: Shape, field: ActionToken): Shape {
  if (shape === "map") return null;
  if (shape !== null && Object.hasOwn(shape, field.text)) return shape[field.text]!;
  const fields = shape === null ? [] : Object.keys(shape);
  const near = suggestWord(field.text, fields);
  const wanted = near !== "" || fields.length === 0 ? near : `: expected ${fields.join(", ")}`;
  throw new TemplateSyntaxError(`There is no field .${field.text}${wanted}`, field.offset);
}

/**
 * The part of Go's templates, with Helm's functions, that the chart keeps to; anything else throws.
 *
 * Helm is in no package that CI can install, so this stands in for it. It is stricter: a value that
 * is missing is an error where Go prints `<no value>`.
 */

import { parseAction, type Term } from "./go_template_terms.ts";

export type Value = unknown;
export type TemplateFunction = (values: readonly Value[]) => Value;

type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly term: Term }
  | {
      readonly kind: "if" | "with" | "range";
      /** Of range: variables for the key, where there are two, and for the item. */
      readonly names: readonly string[];
      readonly term: Term;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

interface Scope {
  readonly dot: Value;
  readonly variables: ReadonlyMap<string, Value>;
}

export class TemplateError extends Error {}

/** Templates that know each other by name, as the files of a chart do. */
export class GoTemplates {
  readonly #named = new Map<string, Node[]>();
  readonly #functions: Readonly<Record<string, TemplateFunction>>;

  constructor(functions: Readonly<Record<string, TemplateFunction>>) {
    this.#functions = functions;
  }

  /** Reads a file: what it defines is known from now on, the rest is the template `name`. */
  add(name: string, text: string): void {
    const tokens = tokensOf(text);
    this.#named.set(name, this.#block(tokens, name, []).nodes);
    if (tokens.length > 0) throw new TemplateError(`${name}: more "end" than there are blocks`);
  }

  render(name: string, dot: Value): string {
    const nodes = this.#named.get(name);
    if (nodes === undefined) throw new TemplateError(`no template "${name}"`);
    return this.#run(nodes, { dot, variables: new Map([["$", dot]]) });
  }

  /** Takes tokens until one of `ends`, whose action it returns. */
  #block(tokens: Token[], name: string, ends: readonly string[]): { nodes: Node[]; end: string } {
    const nodes: Node[] = [];
    for (;;) {
      const token = tokens.shift();
      if (token === undefined) {
        if (ends.length > 0) throw new TemplateError(`${name}: ${ends.join(" or ")} is missing`);
        return { nodes, end: "" };
      }
      if (token.kind === "text") {
        nodes.push(token);
        continue;
      }
      const [word = ""] = token.text.split(/\s/);
      if (ends.includes(word)) return { nodes, end: token.text };
      if (word === "define") {
        const defined = /^define "([^"]+)"$/.exec(token.text)?.[1];
        if (defined === undefined) throw new TemplateError(`${name}: ${token.text}`);
        this.#named.set(defined, this.#block(tokens, name, ["end"]).nodes);
      } else if (word === "if" || word === "with" || word === "range") {
        nodes.push(this.#control(tokens, name, token.text));
      } else if (word === "end" || word === "else") {
        throw new TemplateError(`${name}: "${word}" without a block`);
      } else {
        nodes.push({ kind: "print", term: parseAction(token.text) });
      }
    }
  }

  #control(tokens: Token[], name: string, text: string): Node {
    const [, word = "", rest = ""] = /^(\w+)\s+(.*)$/s.exec(text) ?? [];
    const { nodes, end } = this.#block(tokens, name, ["else", "end"]);
    let otherwise: Node[] = [];
    if (end.startsWith("else if ")) {
      otherwise = [this.#control(tokens, name, end.slice("else ".length))];
    } else if (end === "else") {
      otherwise = this.#block(tokens, name, ["end"]).nodes;
    } else if (end !== "end") {
      throw new TemplateError(`${name}: ${end}`);
    }
    const [, variables = "", list = rest] = /^((?:\$\w+,?\s*)+):=\s*(.*)$/s.exec(rest) ?? [];
    const names = variables.match(/\$\w+/g) ?? [];
    if (names.length > 0 && word !== "range") throw new TemplateError(`${name}: ${text}`);
    const kind = word as "if" | "with" | "range";
    return { kind, names, term: parseAction(list), body: nodes, otherwise };
  }

  #run(nodes: readonly Node[], scope: Scope): string {
    return nodes.map((node) => this.#runOne(node, scope)).join("");
  }

  #runOne(node: Node, scope: Scope): string {
    if (node.kind === "text") return node.text;
    const value = this.#evaluate(node.term, scope);
    if (node.kind === "print") return printed(value, node.term);
    if (isEmpty(value)) return this.#run(node.otherwise, scope);
    if (node.kind === "if") return this.#run(node.body, scope);
    if (node.kind === "with") return this.#run(node.body, { ...scope, dot: value });
    return entriesOf(value)
      .map(([key, item]) => {
        const variables = new Map(scope.variables);
        const values = node.names.length === 1 ? [item] : [key, item];
        for (const [index, name] of node.names.entries()) variables.set(name, values[index]);
        return this.#run(node.body, { dot: item, variables });
      })
      .join("");
  }

  #evaluate(term: Term, scope: Scope): Value {
    switch (term.kind) {
      case "literal":
        return term.value;
      case "path": {
        const start = term.variable === null ? scope.dot : this.#variable(term.variable, scope);
        return fieldOf(start, term.fields);
      }
      case "call":
        return this.#call(
          term.name,
          term.values.map((value) => this.#evaluate(value, scope)),
        );
    }
  }

  #variable(name: string, { variables }: Scope): Value {
    if (variables.has(name)) return variables.get(name);
    throw new TemplateError(`no variable ${name}`);
  }

  #call(name: string, values: readonly Value[]): Value {
    if (name === "include") return this.render(String(values[0]), values[1]);
    const call = Object.hasOwn(this.#functions, name) ? this.#functions[name] : undefined;
    if (call === undefined) throw new TemplateError(`no function "${name}"`);
    return call(values);
  }
}

type Token =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly text: string };

/** `{{-` takes all white space before it away, `-}}` all behind it. */
function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  let isTrimmed = false;
  const addText = (end: number, trimsEnd: boolean) => {
    let piece = text.slice(position, end);
    if (isTrimmed) piece = piece.trimStart();
    if (trimsEnd) piece = piece.trimEnd();
    if (piece !== "") tokens.push({ kind: "text", text: piece });
  };
  for (const match of text.matchAll(/\{\{(-\s)?(.*?)(\s-)?\}\}/gs)) {
    const [whole, left, action = "", right] = match;
    addText(match.index, left !== undefined);
    if (!/^\s*\/\*/.test(action)) tokens.push({ kind: "action", text: action.trim() });
    isTrimmed = right !== undefined;
    position = match.index + whole.length;
  }
  addText(text.length, false);
  return tokens;
}

/** As Go has it: false, 0, nothing, and what is empty. */
export function isEmpty(value: Value): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return !value;
}

function entriesOf(value: Value): [Value, Value][] {
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  if (typeof value === "object" && value !== null) {
    // Go walks maps in the order of their keys.
    return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  }
  throw new TemplateError(`range over ${typeof value}`);
}

function fieldOf(start: Value, fields: readonly string[]): Value {
  let value = start;
  for (const field of fields) {
    if (typeof value !== "object" || value === null) {
      throw new TemplateError(`no field .${fields.join(".")}: .${field} of ${value}`);
    }
    value = Object.hasOwn(value, field) ? (value as Record<string, Value>)[field] : undefined;
  }
  return value;
}

function printed(value: Value, term: Term): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  throw new TemplateError(`cannot print ${JSON.stringify(value)} of ${JSON.stringify(term)}`);
}

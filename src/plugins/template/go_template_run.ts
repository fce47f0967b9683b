/**
 * Runs a parsed template over the data of a query. In workers; errors are those that only a query
 * can bring about, such as an index beyond the groups of a match.
 */

import { callFunction, formatValue, TemplateError } from "./go_template_functions.ts";
import type { TemplateBranch, TemplateExpression, TemplateNode } from "./go_template_nodes.ts";

export { TemplateError } from "./go_template_functions.ts";

export type TemplateValue =
  | string
  | number
  | boolean
  | null
  | readonly TemplateValue[]
  | { readonly [field: string]: TemplateValue };

/** @throws {TemplateError} when the template does not fit the data. */
export function runTemplate(nodes: readonly TemplateNode[], data: TemplateValue): string {
  const run = new Run(data);
  run.nodes(nodes, data);
  return run.text;
}

class Run {
  text = "";
  /** Innermost last; "" is `$`. */
  readonly #variables: { name: string; value: TemplateValue }[];

  constructor(data: TemplateValue) {
    this.#variables = [{ name: "", value: data }];
  }

  nodes(nodes: readonly TemplateNode[], dot: TemplateValue): void {
    for (const node of nodes) {
      switch (node.kind) {
        case "text":
          this.text += node.text;
          break;
        case "output":
          this.text += formatValue(this.#value(node.value, dot));
          break;
        case "set":
          this.#set(node.name, this.#value(node.value, dot), node.isNew);
          break;
        default:
          this.#branch(node, dot);
      }
    }
  }

  #branch(branch: TemplateBranch, dot: TemplateValue): void {
    const count = this.#variables.length;
    const value = this.#value(branch.value, dot);
    if (branch.kind === "range") {
      this.#range(branch, value, dot);
    } else {
      if (branch.elementName !== "") this.#set(branch.elementName, value, true);
      const inner = branch.kind === "with" ? value : dot;
      if (isTrue(value)) this.nodes(branch.body, inner);
      else this.nodes(branch.otherwise, dot);
    }
    this.#variables.length = count;
  }

  #range(branch: TemplateBranch, value: TemplateValue, dot: TemplateValue): void {
    const entries = entriesOf(value);
    if (entries.length === 0) this.nodes(branch.otherwise, dot);
    for (const [index, element] of entries) {
      const count = this.#variables.length;
      if (branch.indexName !== "") this.#set(branch.indexName, index, true);
      if (branch.elementName !== "") this.#set(branch.elementName, element, true);
      this.nodes(branch.body, element);
      this.#variables.length = count;
    }
  }

  #set(name: string, value: TemplateValue, isNew: boolean): void {
    const known = this.#variables.findLast((variable) => variable.name === name);
    if (isNew || known === undefined) this.#variables.push({ name, value });
    else known.value = value;
  }

  #value(expression: TemplateExpression, dot: TemplateValue): TemplateValue {
    switch (expression.kind) {
      case "literal":
        return expression.value;
      case "dot":
        return dot;
      case "variable": {
        const { name } = expression;
        return this.#variables.findLast((variable) => variable.name === name)?.value ?? null;
      }
      case "field":
        return fieldOf(this.#value(expression.of, dot), expression.name);
      case "call":
        return this.#call(expression.name, expression.args, dot);
    }
  }

  #call(name: string, args: readonly TemplateExpression[], dot: TemplateValue): TemplateValue {
    // `and` and `or` leave out what cannot change the outcome.
    if (name === "and" || name === "or") {
      let value: TemplateValue = null;
      for (const arg of args) {
        value = this.#value(arg, dot);
        if (isTrue(value) === (name === "or")) return value;
      }
      return value;
    }
    const values = args.map((arg) => this.#value(arg, dot));
    return name === "not" ? !isTrue(values[0]!) : callFunction(name, values);
  }
}

function fieldOf(value: TemplateValue, name: string): TemplateValue {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new TemplateError(`there is no field .${name} in ${formatValue(value)}`);
  }
  const fields = value as { readonly [field: string]: TemplateValue };
  return Object.hasOwn(fields, name) ? fields[name]! : null;
}

function entriesOf(value: TemplateValue): [TemplateValue, TemplateValue][] {
  if (Array.isArray(value)) return value.map((element, index) => [index, element]);
  if (typeof value === "number") {
    return Array.from({ length: Math.min(Math.max(value, 0), 1000) }, (_, index) => [index, index]);
  }
  if (value === null) return [];
  if (typeof value !== "object") throw new TemplateError(`cannot range over ${formatValue(value)}`);
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Empty and zero values are false. */
function isTrue(value: TemplateValue): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value !== null && typeof value === "object") return Object.keys(value).length > 0;
  return Boolean(value);
}

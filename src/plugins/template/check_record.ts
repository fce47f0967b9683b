/** What can be found wrong with the template of a record before there is a query. */

import type { Token } from "../../config/lexer.ts";
import type { Place } from "../../config/problem.ts";
import { suggestWord } from "../../std/nearest_word.ts";
import { parseRecord } from "../../wire/record_text.ts";
import type { DirectiveReader } from "../directive_reader.ts";
import { GoRegexp } from "../go_regexp.ts";
import { parseGoTemplate, TemplateSyntaxError } from "./go_template.ts";
import type { TemplateExpression, TemplateNode } from "./go_template_nodes.ts";
import { runTemplate } from "./go_template_run.ts";

/** Fields of which a usual value is known without a query. */
const SAMPLE_FIELDS = ["Zone", "Name", "Class", "Type"];

interface Rule {
  readonly class: string;
  readonly type: string;
  readonly zones: readonly string[];
  readonly match: readonly string[];
}

/** Records every problem of the record template in `token`. */
export function checkRecordTemplate(reader: DirectiveReader, token: Token, rule: Rule): void {
  let nodes: TemplateNode[];
  try {
    nodes = parseGoTemplate(token.text);
  } catch (error) {
    if (!(error instanceof TemplateSyntaxError)) throw error;
    const place = placeWithin(token, error.offset);
    reader.error(place, `Cannot read the template "${token.text}": ${error.message}`);
    return;
  }
  const fields = fieldsOf(nodes);
  if (fields.some((field) => field === "Meta")) {
    reader.warning(token, ".Meta is always empty: nothing provides metadata before template");
  }
  checkGroups(reader, token, fields, rule);
  if (!isSimple(nodes)) return;
  const [zone = "."] = rule.zones;
  const sample = { Zone: zone, Name: zone, Class: rule.class, Type: rule.type };
  if (rule.class === "ANY") sample.Class = "IN";
  try {
    parseRecord(runTemplate(nodes, sample));
  } catch (error) {
    // CoreDNS finds out with every query, and starts.
    const problem = (error as Error).message;
    reader.warning(token, `Template "${token.text}" gives SERVFAIL: ${problem}`);
  }
}

/** A group that no `match` has is empty in every answer. */
function checkGroups(
  reader: DirectiveReader,
  token: Token,
  fields: readonly string[],
  { match }: Rule,
): void {
  const known = new Set<string>();
  for (const pattern of match) {
    try {
      for (const [number, name] of new GoRegexp(pattern).groupNames.entries()) {
        known.add(String(number));
        if (name !== "") known.add(name);
      }
    } catch {
      // It is reported where it stands.
      return;
    }
  }
  for (const field of fields) {
    const name = field.startsWith("Group.") ? field.slice("Group.".length) : null;
    if (name === null || known.has(name)) continue;
    const near = suggestWord(name, [...known]);
    reader.error(token, `Cannot use .Group.${name}: no match has a group of that name${near}`);
  }
}

/** Where `offset` characters into a token are. Quotes are no part of a token's text. */
function placeWithin(token: Token, offset: number): Place {
  const before = token.text.slice(0, offset).split("\n");
  const quote = /[\s"#]/.test(token.text) ? 1 : 0;
  const column = before.length === 1 ? token.column + quote + offset : before.at(-1)!.length + 1;
  return { file: token.file, line: token.line + before.length - 1, column };
}

/** Whether it gives a record whatever is asked: text, and fields whose values are known. */
function isSimple(nodes: readonly TemplateNode[]): boolean {
  return nodes.every(
    (node) =>
      node.kind === "text" ||
      (node.kind === "output" &&
        node.value.kind === "field" &&
        node.value.of.kind === "dot" &&
        SAMPLE_FIELDS.includes(node.value.name)),
  );
}

/** `A` and `A.B` of every `.A.B` and `$.A.B`, and `Meta` for a call of it. */
function fieldsOf(nodes: readonly TemplateNode[]): string[] {
  return nodes.flatMap((node) => {
    switch (node.kind) {
      case "text":
        return [];
      case "output":
      case "set":
        return fieldsIn(node.value);
      default: {
        const outside = [...fieldsIn(node.value), ...fieldsOf(node.otherwise)];
        const inside = fieldsOf(node.body);
        // Within `with` and `range` a field is one of something else.
        return node.kind === "if" ? [...outside, ...inside] : outside;
      }
    }
  });
}

function fieldsIn(expression: TemplateExpression): string[] {
  switch (expression.kind) {
    case "call":
      return [
        ...(expression.name === "Meta" ? ["Meta"] : []),
        ...expression.args.flatMap(fieldsIn),
      ];
    case "field": {
      const { of, name } = expression;
      if (of.kind === "dot" || (of.kind === "variable" && of.name === "")) return [name];
      const inner = fieldsIn(of);
      const isPath = of.kind === "field" && inner.length === 1;
      return isPath ? [...inner, `${inner[0]}.${name}`] : inner;
    }
    default:
      return [];
  }
}

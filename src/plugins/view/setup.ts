/** `view` directives to checked settings. See README.md. */

import type { Directive, OptionLine } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugin_setup.ts";
import { parseCondition } from "./expression.ts";
import { ExpressionError } from "./expression_tokens.ts";
import { type ViewSettings, viewSettings } from "./settings.ts";

export const viewSetup: PluginSetup<ViewSettings> = {
  name: "view",
  order: pluginOrder("view"),
  schema: viewSettings,
  parse,
  contribute: (settings, view) => void view.plugins.push({ plugin: "view", settings }),
};

function parse(directives: readonly Directive[], { problems }: SetupContext): ViewSettings {
  const reader = new DirectiveReader("view", problems);
  const directive = reader.once(directives);
  const settings: ViewSettings = { name: "", expressions: [] };
  const isNamed = reader.count(directive, { min: 1, max: 1, syntax: "view NAME" });
  if (isNamed) settings.name = directive.args[0].text;
  reader.options(directive, {
    expr(line) {
      const expression = readExpression(reader, line);
      if (expression !== null) settings.expressions.push(expression);
    },
  });
  if (!directive.options.some(({ name }) => name.text === "expr")) {
    reader.error(directive.name, 'Missing option "expr": expected expr EXPRESSION');
  }
  return settings;
}

/** Words of a line are one expression; spaces between them do not matter. */
function readExpression(reader: DirectiveReader, line: OptionLine): string | null {
  const max = Number.POSITIVE_INFINITY;
  if (!reader.count(line, { min: 1, max, syntax: "expr EXPRESSION" })) return null;
  const expression = line.args.map(({ text }) => text).join(" ");
  try {
    parseCondition(expression);
    return expression;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    reader.error(line.args[0], `Cannot read expression "${expression}": ${error.message}`);
    return null;
  }
}

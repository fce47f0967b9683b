/** `log` directives: which queries are logged, and how. See README.md. */

import * as z from "zod/mini";
import type { Directive, OptionLine } from "../../config/parser.ts";
import { LOG_ALL, LOG_DENIAL, LOG_ERROR, LOG_SUCCESS } from "../../handoff/plan.ts";
import { suggestWord } from "../../std/nearest_word.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { zone } from "../values.ts";
import { COMMON_FORMAT, expandFormat, LABELS, unknownLabels } from "./formats.ts";

const CLASSES = ["success", "denial", "error", "all"] as const;

const CLASS_BITS = { success: LOG_SUCCESS, denial: LOG_DENIAL, error: LOG_ERROR, all: LOG_ALL };

const logSettings = z.object({
  rules: z.array(
    z.object({
      zones: z.array(zone),
      format: z.string(),
      /** Empty is all. */
      classes: z.array(z.enum(CLASSES)),
    }),
  ),
});

export type LogSettings = z.infer<typeof logSettings>;
type LogRule = LogSettings["rules"][number];

export const logSetup: PluginSetup<LogSettings> = {
  name: "log",
  order: pluginOrder("log"),
  schema: logSettings,
  parse,
  contribute,
};

function parse(directives: readonly Directive[], context: SetupContext): LogSettings {
  const reader = new DirectiveReader("log", context.problems);
  const rules = directives.map((directive) => {
    const rule = readArguments(reader, directive);
    reader.options(directive, { class: (line) => readClasses(reader, line, rule) });
    return rule;
  });
  return { rules };
}

/** `log [NAMES...] [FORMAT]`: a last argument with a brace in it is the format. */
function readArguments(reader: DirectiveReader, directive: Directive): LogRule {
  const last = directive.args.at(-1);
  const isFormat = last?.text.includes("{") ?? false;
  const names = isFormat ? directive.args.slice(0, -1) : directive.args;
  const format = isFormat && last !== undefined ? expandFormat(last.text) : COMMON_FORMAT;
  for (const label of unknownLabels(format)) {
    const text = label.startsWith("{/")
      ? `Label ${label} is logged as "-": no plugin of this version knows it`
      : `Label ${label} is logged as it stands${suggestWord(label, LABELS)}`;
    reader.warning(last ?? directive.name, text);
  }
  return { zones: names.length === 0 ? ["."] : reader.zones(names), format, classes: [] };
}

function readClasses(reader: DirectiveReader, line: OptionLine, rule: LogRule): void {
  const max = Number.POSITIVE_INFINITY;
  if (!reader.count(line, { min: 1, max, syntax: "class success|denial|error|all..." })) return;
  for (const token of line.args) {
    const name = reader.choice(token, "class", CLASSES);
    if (name !== null) rule.classes.push(name);
  }
}

function contribute(settings: LogSettings, view: ViewDraft): void {
  for (const { zones, format, classes } of settings.rules) {
    const bits = classes.reduce((sum, name) => sum | CLASS_BITS[name], 0);
    view.log.push({ zones, format, classes: bits === 0 ? LOG_ALL : bits });
  }
}

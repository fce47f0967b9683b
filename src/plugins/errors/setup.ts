/** `errors` directives: whether errors of a server block are logged. See README.md. */

import * as z from "zod/mini";
import type { Directive, OptionLine } from "../../config/parser.ts";
import { LOG_LEVELS } from "../../handoff/plan.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { durationMs } from "../values.ts";

const periodMs = durationMs(1, "a duration above 0, such as 5m");

const errorsSettings = z.object({
  stacktrace: z.boolean(),
  consolidate: z.array(
    z.object({
      periodMs,
      pattern: z.string(),
      level: z.enum(LOG_LEVELS),
      showFirst: z.boolean(),
    }),
  ),
});

export type ErrorsSettings = z.infer<typeof errorsSettings>;

export const errorsSetup: PluginSetup<ErrorsSettings> = {
  name: "errors",
  order: pluginOrder("errors"),
  schema: errorsSettings,
  parse,
  contribute,
};

function parse(directives: readonly Directive[], context: SetupContext): ErrorsSettings {
  const reader = new DirectiveReader("errors", context.problems);
  const directive = reader.once(directives);
  if (reader.count(directive, { max: 1, syntax: "errors [stdout]" })) {
    const [target] = directive.args;
    if (target !== undefined && target.text !== "stdout") {
      reader.error(target, `Cannot log errors to "${target.text}": expected stdout`);
    }
  }
  const settings: ErrorsSettings = { stacktrace: false, consolidate: [] };
  reader.options(directive, {
    stacktrace: (line) => {
      if (reader.count(line, { syntax: "stacktrace alone" })) settings.stacktrace = true;
    },
    consolidate: (line) => readConsolidate(reader, line, settings),
  });
  return settings;
}

function readConsolidate(
  reader: DirectiveReader,
  line: OptionLine,
  settings: ErrorsSettings,
): void {
  const syntax = "consolidate DURATION REGEXP [LEVEL] [show_first]";
  if (!reader.count(line, { min: 2, max: 4, syntax })) return;
  const [periodToken, patternToken, ...rest] = line.args;
  const period = reader.durationMs(periodToken, "DURATION of consolidate", periodMs);
  const pattern = reader.pattern(patternToken, "REGEXP of consolidate");
  const showFirst = rest.at(-1)?.text === "show_first";
  if (showFirst) rest.pop();
  const [levelToken, extraToken] = rest;
  const level =
    levelToken === undefined
      ? "error"
      : reader.choice(levelToken, "LEVEL of consolidate", LOG_LEVELS);
  if (extraToken !== undefined) {
    reader.error(extraToken, `Unexpected "${extraToken.text}": expected ${syntax}`);
  }
  if (period === null || level === null || pattern === null) return;
  settings.consolidate.push({ periodMs: period, pattern, level, showFirst });
}

function contribute(settings: ErrorsSettings, view: ViewDraft): void {
  view.errors = true;
  view.consolidate.push(...settings.consolidate);
  if (settings.stacktrace) view.stacktrace = true;
}

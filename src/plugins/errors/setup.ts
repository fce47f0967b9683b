/** `errors` directives: whether errors of a server block are logged. See README.md. */

import * as z from "zod/mini";
import type { Directive, OptionLine } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { durationMs } from "../values.ts";

const LEVELS = ["debug", "info", "warning", "error"] as const;
const PATTERN_LENGTH_MAX = 1_000;

const periodMs = durationMs(1, "a duration above 0, such as 5m");

const errorsSettings = z.object({
  /** Not in effect yet. */
  consolidate: z.array(
    z.object({
      periodMs,
      pattern: z.string(),
      level: z.enum(LEVELS),
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
  const settings: ErrorsSettings = { consolidate: [] };
  reader.options(directive, {
    stacktrace: (line) => {
      if (reader.count(line, { syntax: "stacktrace alone" })) {
        reader.noEffect(line.name, "stacktrace");
      }
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
  const problem = patternProblem(patternToken.text);
  if (problem !== null) {
    const got = `got "${patternToken.text}"`;
    reader.error(patternToken, `Cannot read REGEXP of consolidate: ${problem}, ${got}`);
  }
  const showFirst = rest.at(-1)?.text === "show_first";
  if (showFirst) rest.pop();
  const [levelToken, extraToken] = rest;
  const level =
    levelToken === undefined ? "error" : reader.choice(levelToken, "LEVEL of consolidate", LEVELS);
  if (extraToken !== undefined) {
    reader.error(extraToken, `Unexpected "${extraToken.text}": expected ${syntax}`);
  }
  reader.noEffect(line.name, "consolidate");
  if (period === null || level === null) return;
  settings.consolidate.push({ periodMs: period, pattern: patternToken.text, level, showFirst });
}

/** Patterns are of Go's RE2 kind: what only a backtracking engine knows is refused. */
function patternProblem(pattern: string): string | null {
  if (pattern.length > PATTERN_LENGTH_MAX) {
    return `expected at most ${PATTERN_LENGTH_MAX} characters`;
  }
  if (/\(\?(?:[=!]|<[=!])/.test(pattern)) return "expected no lookahead and no lookbehind";
  if (/(?:^|[^\\])(?:\\\\)*\\[1-9]/.test(pattern)) return "expected no backreference";
  try {
    // RE2's inline flags and named groups, as JavaScript writes them.
    new RegExp(pattern.replace(/^\(\?[imsU]+\)/, "").replaceAll("(?P<", "(?<"));
    return null;
  } catch {
    return "expected a regular expression";
  }
}

function contribute(_settings: ErrorsSettings, view: ViewDraft): void {
  view.errors = true;
}

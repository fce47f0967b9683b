/** `header` directives: flags that are set or cleared. See README.md. */

import * as z from "zod/mini";
import type { OptionLine } from "../../config/parser.ts";
import { FLAG_AA, FLAG_RA, FLAG_RD } from "../../wire/constants.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup } from "../plugin_setup.ts";
import type { FlagChange, HeaderPlan } from "./plan.ts";

const FLAGS = { aa: FLAG_AA, ra: FLAG_RA, rd: FLAG_RD } as const;
const FLAG_NAMES = Object.keys(FLAGS) as (keyof typeof FLAGS)[];
const ACTIONS = ["set", "clear"] as const;
const SELECTORS = ["query", "response"] as const;

const headerSettings = z.object({
  /** In the order of the Corefile: the last one of a flag counts. */
  rules: z.array(
    z.object({
      selector: z.enum(SELECTORS),
      action: z.enum(ACTIONS),
      flags: z.array(z.enum(FLAG_NAMES)),
    }),
  ),
});

export type HeaderSettings = z.infer<typeof headerSettings>;
type Rule = HeaderSettings["rules"][number];

export const headerSetup: PluginSetup<HeaderSettings> = {
  name: "header",
  order: pluginOrder("header"),
  schema: headerSettings,
  parse(directives, { problems }) {
    const reader = new DirectiveReader("header", problems);
    const rules: Rule[] = [];
    for (const directive of directives) {
      reader.count(directive, { syntax: "header { [query|response] set|clear FLAGS... }" });
      const read = (line: OptionLine) => void rules.push(...readRule(reader, line));
      reader.options(directive, { query: read, response: read, set: read, clear: read });
    }
    return { rules };
  },
  contribute({ rules }, view) {
    const settings: HeaderPlan = {
      query: changeOf(rules.filter(({ selector }) => selector === "query")),
      response: changeOf(rules.filter(({ selector }) => selector === "response")),
    };
    view.plugins.push({ plugin: "header", settings });
  },
};

function readRule(reader: DirectiveReader, line: OptionLine): Rule[] {
  const words = [line.name, ...line.args];
  const hasSelector = SELECTORS.includes(line.name.text as Rule["selector"]);
  const selector = hasSelector ? (line.name.text as Rule["selector"]) : "response";
  const [actionToken, ...flagTokens] = hasSelector ? words.slice(1) : words;
  if (actionToken === undefined || flagTokens.length === 0) {
    const syntax = "[query|response] set|clear FLAGS...";
    const last = words.at(-1)!;
    reader.error(line.name, `Missing argument after "${last.text}": expected ${syntax}`);
    return [];
  }
  const action = reader.choice(actionToken, "the action of header", ACTIONS);
  const flags = flagTokens.map((token) => reader.choice(token, "a flag of header", FLAG_NAMES));
  if (action === null || flags.includes(null)) return [];
  const isIdle = selector === "query" && flags.some((flag) => flag !== "rd");
  if (isIdle) reader.noEffect(line.name, `${line.name.text} ${action} of flags other than rd`);
  return [{ selector, action, flags: flags.filter((flag) => flag !== null) }];
}

function changeOf(rules: readonly Rule[]): FlagChange {
  let set = 0;
  let clear = 0;
  for (const { action, flags } of rules) {
    const bits = flags.reduce((sum, flag) => sum | FLAGS[flag], 0);
    set = action === "set" ? set | bits : set & ~bits;
    clear = action === "clear" ? clear | bits : clear & ~bits;
  }
  return { set, clear };
}

/** `trace` directives: read to their end, and refused. See README.md for why. */

import * as z from "zod/mini";
import type { Directive, OptionLine } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugin_setup.ts";
import { wholeNumber } from "../values.ts";

const TYPES = ["zipkin", "datadog"] as const;
const SWITCH = ["on", "off"] as const;

const count = wholeNumber(1, "a whole number from 1");

const traceSettings = z.object({
  type: z.enum(TYPES),
  endpoint: z.string(),
});

export type TraceSettings = z.infer<typeof traceSettings>;

export const traceSetup: PluginSetup<TraceSettings> = {
  name: "trace",
  order: pluginOrder("trace"),
  schema: traceSettings,
  parse,
  // Never reached: every directive is an error.
  contribute: () => {},
};

function parse(directives: readonly Directive[], context: SetupContext): TraceSettings {
  const reader = new DirectiveReader("trace", context.problems);
  const directive = reader.once(directives);
  const settings: TraceSettings = { type: "zipkin", endpoint: "" };
  if (reader.count(directive, { max: 2, syntax: "trace [ENDPOINT-TYPE] [ENDPOINT]" })) {
    const [first, second] = directive.args;
    if (first !== undefined && second !== undefined) {
      settings.type = reader.choice(first, "ENDPOINT-TYPE", TYPES) ?? settings.type;
    }
    settings.endpoint = (second ?? first)?.text ?? "";
  }
  const number = (syntax: string) => (line: OptionLine) => {
    if (!reader.count(line, { min: 1, syntax })) return;
    reader.integer(line.args[0]!, syntax, count);
  };
  reader.options(directive, {
    every: number("every AMOUNT"),
    service: (line) => void reader.count(line, { min: 1, syntax: "service NAME" }),
    client_server: (line) => {
      if (!reader.count(line, { max: 1, syntax: "client_server [on|off]" })) return;
      const [value] = line.args;
      if (value !== undefined) reader.choice(value, "client_server", SWITCH);
    },
    datadog_analytics_rate: (line) => {
      void reader.count(line, { min: 1, syntax: "datadog_analytics_rate RATE" });
    },
    zipkin_max_backlog_size: number("zipkin_max_backlog_size SIZE"),
    zipkin_max_batch_size: number("zipkin_max_batch_size SIZE"),
    zipkin_max_batch_interval: (line) => {
      void reader.count(line, { min: 1, syntax: "zipkin_max_batch_interval DURATION" });
    },
  });
  const advice = "take the directive out, and use log or prometheus to see what is slow";
  reader.error(directive.name, `Cannot use trace: trace is not in this build: ${advice}`);
  return settings;
}

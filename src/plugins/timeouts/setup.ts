/** `timeouts` directives: how long clients by TCP may keep us waiting. See README.md. */

import * as z from "zod/mini";
import type { Directive, OptionLine } from "../../config/parser.ts";
import type { TimeoutsPlan } from "../../handoff/plan.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { durationMs } from "../values.ts";

const MS_MIN = 1000;
const MS_MAX = 24 * 3600 * 1000;

const timeoutMs = durationMs(MS_MIN, "a duration from 1s to 24h", MS_MAX);

/** What is not written is null: another server block of the same listener may say it. */
const timeoutsSettings = z.object({
  readMs: z.nullable(timeoutMs),
  writeMs: z.nullable(timeoutMs),
  idleMs: z.nullable(timeoutMs),
});

export type TimeoutsSettings = z.infer<typeof timeoutsSettings>;

export const timeoutsSetup: PluginSetup<TimeoutsSettings> = {
  name: "timeouts",
  order: pluginOrder("timeouts"),
  schema: timeoutsSettings,
  parse,
  contribute,
};

function parse(directives: readonly Directive[], context: SetupContext): TimeoutsSettings {
  const reader = new DirectiveReader("timeouts", context.problems);
  const directive = reader.once(directives);
  const settings: TimeoutsSettings = { readMs: null, writeMs: null, idleMs: null };
  const read = (key: keyof TimeoutsSettings) => (line: OptionLine) => {
    const name = line.name.text;
    if (!reader.count(line, { min: 1, syntax: `${name} DURATION` })) return;
    settings[key] = reader.durationMs(line.args[0]!, `DURATION of ${name}`, timeoutMs);
  };
  if (reader.count(directive, { syntax: "timeouts and options in braces" })) {
    reader.options(directive, {
      read: read("readMs"),
      write: read("writeMs"),
      idle: read("idleMs"),
    });
    if (directive.options.length === 0) {
      reader.error(directive.name, "Missing options: expected read, write or idle in braces");
    }
  }
  return settings;
}

function contribute(settings: TimeoutsSettings, view: ViewDraft): void {
  const entries = Object.entries(settings).filter(([, ms]) => ms !== null);
  view.timeouts = Object.fromEntries(entries) as Partial<TimeoutsPlan>;
}

/** `cancel` directives: how long a question may take. See README.md. */

import * as z from "zod/mini";
import type { Directive } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { durationMs } from "../values.ts";

const DEFAULT_MS = 5001;

const timeoutMs = durationMs(1, "a duration above 0, such as 5s");

const cancelSettings = z.object({ timeoutMs });

export type CancelSettings = z.infer<typeof cancelSettings>;

export const cancelSetup: PluginSetup<CancelSettings> = {
  name: "cancel",
  order: pluginOrder("cancel"),
  schema: cancelSettings,
  parse,
  contribute,
};

function parse(directives: readonly Directive[], context: SetupContext): CancelSettings {
  const reader = new DirectiveReader("cancel", context.problems);
  const directive = reader.once(directives);
  const settings = { timeoutMs: DEFAULT_MS };
  reader.options(directive, {});
  if (!reader.count(directive, { max: 1, syntax: "cancel [TIMEOUT]" })) return settings;
  const [timeout] = directive.args;
  if (timeout !== undefined) {
    settings.timeoutMs = reader.durationMs(timeout, "TIMEOUT", timeoutMs) ?? DEFAULT_MS;
  }
  return settings;
}

function contribute(settings: CancelSettings, view: ViewDraft): void {
  view.deadlineMs = settings.timeoutMs;
}

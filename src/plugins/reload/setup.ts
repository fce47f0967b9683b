/** `reload` directives: when changes of the configuration are looked at. See README.md. */

import * as z from "zod/mini";
import type { Directive } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugin_setup.ts";
import { durationMs } from "../values.ts";

const INTERVAL_MS = 30_000;
const JITTER_MS = 15_000;

const intervalMs = durationMs(2_000, "a duration from 2s, such as 30s");
const jitterMs = durationMs(1_000, "a duration from 1s, such as 15s");

const reloadSettings = z.object({
  /** From noticing a change to looking at it, milliseconds; 30,000 stands for "at once". */
  intervalMs,
  /** At random between 0 and this on top. */
  jitterMs,
});

export type ReloadSettings = z.infer<typeof reloadSettings>;

export const reloadSetup: PluginSetup<ReloadSettings> = {
  name: "reload",
  order: pluginOrder("reload"),
  schema: reloadSettings,
  parse,
  // Nothing of it is for the data plane.
  contribute: () => {},
};

function parse(directives: readonly Directive[], context: SetupContext): ReloadSettings {
  const reader = new DirectiveReader("reload", context.problems);
  const directive = reader.once(directives);
  const settings = { intervalMs: INTERVAL_MS, jitterMs: JITTER_MS };
  reader.options(directive, {});
  if (!reader.count(directive, { max: 2, syntax: "reload [INTERVAL [JITTER]]" })) return settings;
  const [interval, jitter] = directive.args;
  if (interval !== undefined) {
    settings.intervalMs = reader.durationMs(interval, "INTERVAL", intervalMs) ?? INTERVAL_MS;
  }
  const jitterMax = settings.intervalMs / 2;
  if (jitter !== undefined) {
    settings.jitterMs = reader.durationMs(jitter, "JITTER", jitterMs) ?? JITTER_MS;
  }
  // As CoreDNS does: a larger one is brought down.
  settings.jitterMs = Math.min(settings.jitterMs, jitterMax);
  return settings;
}

/** `bufsize` directives: how large messages by UDP may be. See README.md. */

import * as z from "zod/mini";
import type { Directive } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { wholeNumber } from "../values.ts";

const DEFAULT_BYTES = 1232;

const sizeBytes = wholeNumber(512, "a number of bytes from 512", 4096);

const bufsizeSettings = z.object({ sizeBytes });

export type BufsizeSettings = z.infer<typeof bufsizeSettings>;

export const bufsizeSetup: PluginSetup<BufsizeSettings> = {
  name: "bufsize",
  order: pluginOrder("bufsize"),
  schema: bufsizeSettings,
  parse,
  contribute,
};

function parse(directives: readonly Directive[], context: SetupContext): BufsizeSettings {
  const reader = new DirectiveReader("bufsize", context.problems);
  const directive = reader.once(directives);
  const settings = { sizeBytes: DEFAULT_BYTES };
  reader.options(directive, {});
  if (!reader.count(directive, { max: 1, syntax: "bufsize [SIZE]" })) return settings;
  const [size] = directive.args;
  if (size !== undefined) {
    settings.sizeBytes = reader.integer(size, "SIZE", sizeBytes) ?? DEFAULT_BYTES;
  }
  return settings;
}

function contribute(settings: BufsizeSettings, view: ViewDraft): void {
  view.udpBytesMax = settings.sizeBytes;
}

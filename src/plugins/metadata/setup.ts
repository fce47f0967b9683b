/** `metadata` directives: logs may say what plugins know of a query. See README.md. */

import * as z from "zod/mini";
import type { Directive } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { zone } from "../values.ts";

const metadataSettings = z.object({
  /** Names that metadata is kept of. */
  zones: z.array(zone).check(z.minLength(1)),
});

export type MetadataSettings = z.infer<typeof metadataSettings>;

export const metadataSetup: PluginSetup<MetadataSettings> = {
  name: "metadata",
  order: pluginOrder("metadata"),
  schema: metadataSettings,
  parse,
  contribute,
};

function parse(directives: readonly Directive[], context: SetupContext): MetadataSettings {
  const reader = new DirectiveReader("metadata", context.problems);
  const directive = reader.once(directives);
  reader.options(directive, {});
  const zones = reader.zones(directive.args);
  return { zones: zones.length === 0 ? [...context.zones] : zones };
}

function contribute(settings: MetadataSettings, view: ViewDraft): void {
  view.metadata.push(...settings.zones);
}

/** Setup of plugins that take no arguments and no options. */

import type * as z from "zod/mini";
import { DirectiveReader } from "./directive_reader.ts";
import { pluginOrder } from "./plugin_order.ts";
import type { PluginSetup } from "./plugin_setup.ts";

type NoSettings = Record<string, never>;

/** @param schema of no settings: an object without fields. */
export function plainSetup(
  name: string,
  schema: z.ZodMiniType<NoSettings>,
): PluginSetup<NoSettings> {
  return {
    name,
    order: pluginOrder(name),
    schema,
    parse(directives, { problems }) {
      const reader = new DirectiveReader(name, problems);
      const directive = reader.once(directives);
      reader.count(directive, { syntax: `${name} alone` });
      reader.options(directive, {});
      return {};
    },
    contribute: (settings, view) => void view.plugins.push({ plugin: name, settings }),
  };
}

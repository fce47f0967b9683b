/** `filter_aaaa` directives: zones whose names have no AAAA records. See README.md. */

import * as z from "zod/mini";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup } from "../plugin_setup.ts";
import { zone } from "../values.ts";
import { FILTERED } from "./counters.ts";

const filterSettings = z.object({ zones: z.array(zone) });

export type FilterAaaaSettings = z.infer<typeof filterSettings>;

export const filterAaaaSetup: PluginSetup<FilterAaaaSettings> = {
  name: "filter_aaaa",
  order: pluginOrder("filter_aaaa"),
  schema: filterSettings,
  parse(directives, context) {
    const reader = new DirectiveReader("filter_aaaa", context.problems);
    const zones = directives.flatMap((directive) => {
      reader.options(directive, {});
      return directive.args.length === 0 ? [...context.zones] : reader.zones(directive.args);
    });
    return { zones: [...new Set(zones)] };
  },
  counters: () => [FILTERED],
  contribute: ({ zones }, view) =>
    void view.plugins.push({ plugin: "filter_aaaa", settings: { zones } }),
};

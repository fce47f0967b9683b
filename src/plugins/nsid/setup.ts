/** `nsid` directives: what this server calls itself. See README.md. */

import { hostname } from "node:os";
import * as z from "zod/mini";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup } from "../plugin_setup.ts";

const DATA_BYTES_MAX = 128;
const MANY = Number.POSITIVE_INFINITY;

const nsidSettings = z.object({
  /** Null: the name of the machine. */
  data: z.nullable(z.string()),
});

export type NsidSettings = z.infer<typeof nsidSettings>;

export const nsidSetup: PluginSetup<NsidSettings> = {
  name: "nsid",
  order: pluginOrder("nsid"),
  schema: nsidSettings,
  parse(directives, { problems }) {
    const reader = new DirectiveReader("nsid", problems);
    const directive = reader.once(directives);
    reader.count(directive, { max: MANY, syntax: "nsid [DATA]" });
    reader.options(directive, {});
    const data = directive.args.map(({ text }) => text).join(" ");
    const length = new TextEncoder().encode(data).length;
    if (length > DATA_BYTES_MAX) {
      const got = `expected at most ${DATA_BYTES_MAX} bytes, got ${length}`;
      reader.error(directive.args[0]!, `Cannot use DATA of nsid: ${got}`);
    }
    return { data: directive.args.length === 0 ? null : data };
  },
  contribute: ({ data }, view) =>
    void view.plugins.push({ plugin: "nsid", settings: { data: data ?? hostname() } }),
};

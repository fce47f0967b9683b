/** `chaos` directives: what this server says about itself. See README.md. */

import { hostname } from "node:os";
import * as z from "zod/mini";
import { VERSION } from "../../version.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup } from "../plugin_setup.ts";
import type { ChaosPlan } from "./plan.ts";

const MANY = Number.POSITIVE_INFINITY;

const chaosSettings = z.object({ version: z.string(), authors: z.array(z.string()) });

export type ChaosSettings = z.infer<typeof chaosSettings>;

export const chaosSetup: PluginSetup<ChaosSettings> = {
  name: "chaos",
  order: pluginOrder("chaos"),
  schema: chaosSettings,
  parse(directives, { problems }) {
    const reader = new DirectiveReader("chaos", problems);
    const directive = reader.once(directives);
    reader.count(directive, { max: MANY, syntax: "chaos [VERSION [AUTHORS...]]" });
    reader.options(directive, {});
    const [version, ...authors] = directive.args.map(({ text }) => text);
    return {
      version: version ?? `nodens-${VERSION}`,
      authors: authors.length === 0 ? ["nodens"] : authors,
    };
  },
  contribute: ({ version, authors }, view) => {
    const settings: ChaosPlan = { version, authors, hostname: hostname() };
    view.plugins.push({ plugin: "chaos", settings });
  },
};

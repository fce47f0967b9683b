/** `multisocket` directives: how many sockets share an address. See README.md. */

import * as z from "zod/mini";
import type { Directive } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugin_setup.ts";
import { wholeNumber } from "../values.ts";

const count = wholeNumber(1, "a number of sockets from 1", 1024);

const multisocketSettings = z.object({
  /** Null: one for each processor. */
  count: z.nullable(count),
});

export type MultisocketSettings = z.infer<typeof multisocketSettings>;

export const multisocketSetup: PluginSetup<MultisocketSettings> = {
  name: "multisocket",
  order: pluginOrder("multisocket"),
  schema: multisocketSettings,
  parse,
  // Workers are for all server blocks: see config/worker_count.ts.
  contribute: () => {},
};

function parse(directives: readonly Directive[], context: SetupContext): MultisocketSettings {
  const reader = new DirectiveReader("multisocket", context.problems);
  const directive = reader.once(directives);
  reader.options(directive, {});
  if (!reader.count(directive, { max: 1, syntax: "multisocket [NUM_SOCKETS]" })) {
    return { count: null };
  }
  const [number] = directive.args;
  if (number === undefined) return { count: null };
  return { count: reader.integer(number, "NUM_SOCKETS", count) };
}

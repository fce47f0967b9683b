/** `search_cut` directives: names that only a search path can have made. See README.md. */

import * as z from "zod/mini";
import type { Directive, OptionLine } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugin_setup.ts";
import { zone } from "../values.ts";
import { DENIED } from "./counters.ts";
import type { SearchCutPlan } from "./plan.ts";

const MANY = Number.POSITIVE_INFINITY;
const ANY_LABEL = "*.";

const searchCutSettings = z.object({
  cuts: z.array(
    z.object({
      /** Whose SOA denies, and which holds all search domains. */
      zones: z.array(zone),
      /** Search domains, all in one of the zones; with `*.` in front, those one label below. */
      below: z.array(zone),
      /** Ends of names that are none of the zones' own. */
      names: z.array(zone),
    }),
  ),
});

export type SearchCutSettings = z.infer<typeof searchCutSettings>;

export const searchCutSetup: PluginSetup<SearchCutSettings> = {
  name: "search_cut",
  order: pluginOrder("search_cut"),
  schema: searchCutSettings,
  parse(directives, context) {
    const reader = new DirectiveReader("search_cut", context.problems);
    return { cuts: directives.map((directive) => readCut(reader, directive, context)) };
  },
  counters: () => [DENIED],
  contribute({ cuts }, view) {
    const plan: SearchCutPlan = { cuts };
    view.plugins.push({ plugin: "search_cut", settings: plan });
  },
};

function readCut(
  reader: DirectiveReader,
  directive: Directive,
  context: SetupContext,
): SearchCutSettings["cuts"][number] {
  const zones = directive.args.length === 0 ? [...context.zones] : reader.zones(directive.args);
  const below: string[] = [];
  const names: string[] = [];
  reader.options(directive, {
    below: (line) => below.push(...readBelow(reader, line, zones)),
    names: (line) => {
      if (!reader.count(line, { min: 1, max: MANY, syntax: "names NAME..." })) return;
      names.push(...reader.zones(line.args));
    },
  });
  if (names.length === 0) {
    const example = "such as names com net org";
    reader.error(directive.name, `Missing names: expected the ends of outside names, ${example}`);
  }
  for (const root of zones.filter((name) => name === ".")) {
    const advice = "name the zone of the search domains: search_cut cluster.local { … }";
    reader.error(directive.name, `Cannot cut names in the zone "${root}": ${advice}`);
  }
  // The search path of a pod: NAMESPACE.svc.ZONE svc.ZONE ZONE.
  const usual = zones.flatMap((name) => [`${ANY_LABEL}svc.${name}`, `svc.${name}`, name]);
  return { zones, below: below.length === 0 ? usual : below, names };
}

function readBelow(reader: DirectiveReader, line: OptionLine, zones: readonly string[]): string[] {
  if (!reader.count(line, { min: 1, max: MANY, syntax: "below [*.]DOMAIN..." })) return [];
  return line.args.flatMap((token) => {
    const domains = reader.zones([token]);
    for (const domain of domains) {
      const plain = domain.startsWith(ANY_LABEL) ? domain.slice(ANY_LABEL.length) : domain;
      if (zones.some((name) => plain === name || plain.endsWith(`.${name}`))) continue;
      const expected = `expected a domain in ${zones.join(" or ")}`;
      reader.error(token, `Cannot cut names below "${token.text}": ${expected}`);
    }
    return domains;
  });
}

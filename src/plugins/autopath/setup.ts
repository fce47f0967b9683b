/** `autopath` directives to checked settings. See README.md. */

import type { Directive } from "../../config/parser.ts";
import { normalizeZone } from "../../config/zone.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugin_setup.ts";
import { SUCCESS } from "./counters.ts";
import { type AutopathSettings, autopathSettings } from "./settings.ts";

export const autopathSetup: PluginSetup<AutopathSettings> = {
  name: "autopath",
  order: pluginOrder("autopath"),
  schema: autopathSettings,
  parse,
  counters: () => [SUCCESS],
  contribute: (settings, view) => void view.plugins.push({ plugin: "autopath", settings }),
};

function parse(directives: readonly Directive[], context: SetupContext): AutopathSettings {
  const reader = new DirectiveReader("autopath", context.problems);
  const directive = reader.once(directives);
  const max = Number.POSITIVE_INFINITY;
  const settings: AutopathSettings = { zones: [...context.zones], search: [], file: "" };
  reader.options(directive, {});
  if (!reader.count(directive, { min: 1, max, syntax: "autopath [ZONE...] RESOLV-CONF" })) {
    return settings;
  }
  const file = directive.args[directive.args.length - 1];
  const zones = directive.args.slice(0, -1);
  if (zones.length > 0) settings.zones = reader.zones(zones);
  if (file.text.startsWith("@")) {
    const why = "it would need the API server: expected a file with a search list";
    reader.error(file, `Cannot take the search list from "${file.text}": ${why}`);
    return settings;
  }
  settings.file = file.text;
  let text: string;
  try {
    text = context.source.readFile(file.text);
  } catch (error) {
    reader.error(file, `Cannot read "${file.text}": ${(error as Error).message}`);
    return settings;
  }
  const { search, problems } = parseSearchList(text);
  settings.search = search;
  for (const { line, message } of problems) {
    reader.error({ file: file.text, line, column: 1 }, message);
  }
  if (search.length === 0 && problems.length === 0) {
    const example = '"search default.svc.cluster.local svc.cluster.local cluster.local"';
    reader.warning(
      file,
      `Found no search list in "${file.text}": expected a line such as ${example}`,
    );
  }
  return settings;
}

interface SearchList {
  readonly search: string[];
  readonly problems: readonly { readonly line: number; readonly message: string }[];
}

/** The last `search` or `domain` line counts (resolv.conf(5)). */
function parseSearchList(text: string): SearchList {
  let list: SearchList = { search: [], problems: [] };
  text.split("\n").forEach((content, index) => {
    const [keyword, ...words] = content.trim().split(/\s+/);
    if (keyword !== "search" && keyword !== "domain") return;
    const problems: SearchList["problems"][number][] = [];
    const search: string[] = [];
    for (const word of words) {
      const { zone, problem } = normalizeZone(word);
      if (zone !== null) search.push(zone);
      else problems.push({ line: index + 1, message: `Cannot read domain "${word}": ${problem}` });
    }
    list = { search, problems };
  });
  return list;
}

/** What `search_cut` counts. */

import type { PluginCounterDeclaration } from "../../handoff/plugin_counters.ts";

export const DENIED: PluginCounterDeclaration = {
  name: "nodens_search_cut_denied_total",
  help: "Names that only a search path can have made, and that were denied.",
  scoped: "zone",
  labels: {},
};

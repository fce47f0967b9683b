/** What `filter_aaaa` counts. */

import type { PluginCounterDeclaration } from "../../handoff/plugin_counters.ts";

export const FILTERED: PluginCounterDeclaration = {
  name: "nodens_filter_aaaa_filtered_total",
  help: "AAAA questions that were denied.",
  scoped: "zone",
  labels: {},
};

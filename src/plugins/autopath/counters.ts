/** What `autopath` counts. */

import type { PluginCounterDeclaration } from "../../handoff/plugin_counters.ts";

export const SUCCESS: PluginCounterDeclaration = {
  name: "coredns_autopath_success_total",
  help: "Counter of requests that did autopath.",
  scoped: "server",
  labels: {},
};

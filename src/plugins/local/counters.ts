/** What `local` counts. */

import type { PluginCounterDeclaration } from "../../handoff/plugin_counters.ts";

export const LOCALHOST_REQUESTS: PluginCounterDeclaration = {
  name: "coredns_local_localhost_requests_total",
  help: "Counter of localhost.<domain> requests.",
  scoped: "",
  labels: {},
};

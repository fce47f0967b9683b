/** What `dns64` counts. */

import type { PluginCounterDeclaration } from "../../handoff/plugin_counters.ts";

export const TRANSLATED: PluginCounterDeclaration = {
  name: "coredns_dns64_requests_translated_total",
  help: "Counter of DNS requests translated by dns64.",
  scoped: "server",
  labels: {},
};

/** What `acl` counts. */

import type { PluginCounterDeclaration } from "../../handoff/plugin_counters.ts";

export const ALLOWED: PluginCounterDeclaration = {
  name: "coredns_acl_allowed_requests_total",
  help: "Counter of DNS requests being allowed.",
  scoped: "view",
  labels: {},
};

export const BLOCKED: PluginCounterDeclaration = {
  name: "coredns_acl_blocked_requests_total",
  help: "Counter of DNS requests being blocked.",
  scoped: "zone",
  labels: {},
};

export const FILTERED: PluginCounterDeclaration = {
  name: "coredns_acl_filtered_requests_total",
  help: "Counter of DNS requests being filtered.",
  scoped: "zone",
  labels: {},
};

export const DROPPED: PluginCounterDeclaration = {
  name: "coredns_acl_dropped_requests_total",
  help: "Counter of DNS requests being dropped.",
  scoped: "zone",
  labels: {},
};

/** Every plugin of this version. A new plugin is a folder and its line here. */

import { aclSetup } from "./acl/setup.ts";
import { anySetup } from "./any/setup.ts";
import { autopathSetup } from "./autopath/setup.ts";
import { bindSetup } from "./bind/setup.ts";
import { bufsizeSetup } from "./bufsize/setup.ts";
import { cacheSetup } from "./cache/setup.ts";
import { cancelSetup } from "./cancel/setup.ts";
import { chaosSetup } from "./chaos/setup.ts";
import { debugSetup } from "./debug/setup.ts";
import { dns64Setup } from "./dns64/setup.ts";
import { errorsSetup } from "./errors/setup.ts";
import { filterAaaaSetup } from "./filter_aaaa/setup.ts";
import { forwardSetup } from "./forward/setup.ts";
import { headerSetup } from "./header/setup.ts";
import { healthSetup } from "./health/setup.ts";
import { hostsSetup } from "./hosts/setup.ts";
import { loadbalanceSetup } from "./loadbalance/setup.ts";
import { localSetup } from "./local/setup.ts";
import { logSetup } from "./log/setup.ts";
import { loopSetup } from "./loop/setup.ts";
import { metadataSetup } from "./metadata/setup.ts";
import { minimalSetup } from "./minimal/setup.ts";
import { multisocketSetup } from "./multisocket/setup.ts";
import { nsidSetup } from "./nsid/setup.ts";
import { pprofSetup } from "./pprof/setup.ts";
import { prometheusSetup } from "./prometheus/setup.ts";
import { readySetup } from "./ready/setup.ts";
import { reloadSetup } from "./reload/setup.ts";
import { rewriteSetup } from "./rewrite/setup.ts";
import { searchCutSetup } from "./search_cut/setup.ts";
import { templateSetup } from "./template/setup.ts";
import { timeoutsSetup } from "./timeouts/setup.ts";
import { traceSetup } from "./trace/setup.ts";
import { viewSetup } from "./view/setup.ts";
import { whoamiSetup } from "./whoami/setup.ts";

export const PLUGINS = {
  acl: aclSetup,
  any: anySetup,
  nsid: nsidSetup,
  bind: bindSetup,
  ready: readySetup,
  health: healthSetup,
  pprof: pprofSetup,
  prometheus: prometheusSetup,
  dns64: dns64Setup,
  errors: errorsSetup,
  log: logSetup,
  local: localSetup,
  chaos: chaosSetup,
  search_cut: searchCutSetup,
  filter_aaaa: filterAaaaSetup,
  loadbalance: loadbalanceSetup,
  rewrite: rewriteSetup,
  autopath: autopathSetup,
  cache: cacheSetup,
  loop: loopSetup,
  header: headerSetup,
  minimal: minimalSetup,
  template: templateSetup,
  hosts: hostsSetup,
  forward: forwardSetup,
  reload: reloadSetup,
  bufsize: bufsizeSetup,
  cancel: cancelSetup,
  debug: debugSetup,
  metadata: metadataSetup,
  multisocket: multisocketSetup,
  timeouts: timeoutsSetup,
  trace: traceSetup,
  view: viewSetup,
  whoami: whoamiSetup,
} as const;

export type PluginName = keyof typeof PLUGINS;

/** Names in order of execution. */
export const PLUGIN_NAMES = (Object.keys(PLUGINS) as PluginName[]).sort(
  (a, b) => PLUGINS[a].order - PLUGINS[b].order,
);

/** Every plugin of this version. A new plugin is a folder and its line here. */

import { anySetup } from "./any/setup.ts";
import { bindSetup } from "./bind/setup.ts";
import { cacheSetup } from "./cache/setup.ts";
import { errorsSetup } from "./errors/setup.ts";
import { forwardSetup } from "./forward/setup.ts";
import { healthSetup } from "./health/setup.ts";
import { logSetup } from "./log/setup.ts";
import { loopSetup } from "./loop/setup.ts";
import { pprofSetup } from "./pprof/setup.ts";
import { prometheusSetup } from "./prometheus/setup.ts";
import { readySetup } from "./ready/setup.ts";
import { reloadSetup } from "./reload/setup.ts";
import { whoamiSetup } from "./whoami/setup.ts";

export const PLUGINS = {
  any: anySetup,
  bind: bindSetup,
  ready: readySetup,
  health: healthSetup,
  pprof: pprofSetup,
  prometheus: prometheusSetup,
  errors: errorsSetup,
  log: logSetup,
  cache: cacheSetup,
  loop: loopSetup,
  forward: forwardSetup,
  reload: reloadSetup,
  whoami: whoamiSetup,
} as const;

export type PluginName = keyof typeof PLUGINS;

/** Names in order of execution. */
export const PLUGIN_NAMES = (Object.keys(PLUGINS) as PluginName[]).sort(
  (a, b) => PLUGINS[a].order - PLUGINS[b].order,
);

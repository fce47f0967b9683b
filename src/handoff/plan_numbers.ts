/** Numbers that stay the same from plan to plan of one process: of whatever is counted in rows. */

import { UPSTREAM_ROWS } from "../limits.ts";
import { PluginCounterNumbers } from "./plugin_counters.ts";
import { ScopeNumbers } from "./scope_numbers.ts";
import { StableNumbers } from "./stable_numbers.ts";

export class PlanNumbers {
  readonly scopes = new ScopeNumbers();
  /** By `ADDRESS:PORT`. */
  readonly upstreams = new StableNumbers(UPSTREAM_ROWS);
  readonly pluginCounters = new PluginCounterNumbers();
}

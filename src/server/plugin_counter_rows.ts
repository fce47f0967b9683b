/** The counters of plugins in a worker: from what a plan has declared to a place in memory. */

import { type PluginCounter, pluginCounterKey } from "../handoff/plugin_counters.ts";
import { scopeRow } from "../handoff/scope_numbers.ts";
import { PLUGIN_COUNTERS_MAX } from "../limits.ts";
import type { Client } from "./client.ts";
import { NO_SCOPE } from "./zone_router.ts";

const NOTHING: PluginCounter = { add: () => {}, set: () => {} };

export class PluginCounterRows {
  readonly #rows: Float64Array;
  readonly #client: Client;
  readonly #numbers: ReadonlyMap<string, number>;

  /**
   * @param rows `MetricsRows.plugins` of this worker.
   * @param client who is being served: its scope is the row.
   * @param plans those of the plan.
   */
  constructor(
    rows: Float64Array,
    client: Client,
    plans: readonly { readonly key: string; readonly number: number }[],
  ) {
    this.#rows = rows;
    this.#client = client;
    this.#numbers = new Map(plans.map(({ key, number }) => [key, number]));
  }

  counter(name: string, labels: Readonly<Record<string, string>> = {}): PluginCounter {
    const number = this.#numbers.get(pluginCounterKey(name, labels));
    if (number === undefined) return NOTHING;
    const rows = this.#rows;
    const client = this.#client;
    return {
      add(by = 1) {
        rows[scopeOf(client) * PLUGIN_COUNTERS_MAX + number]! += by;
      },
      set(value) {
        rows[number] = value;
      },
    };
  }
}

/** What no zone takes reaches no plugin. */
function scopeOf({ scope }: Client): number {
  return scope === NO_SCOPE ? scopeRow(Number.MAX_SAFE_INTEGER) : scopeRow(scope);
}

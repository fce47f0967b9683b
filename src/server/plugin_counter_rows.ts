// Hot path.
/** The counters of plugins in a worker: from what a plan has declared to a place in memory. */

import { type PluginCounter, pluginCounterKey } from "../handoff/plugin_counters.ts";
import { SCOPE_OVERFLOW } from "../handoff/scope_numbers.ts";
import { PLUGIN_COUNTERS_MAX } from "../limits.ts";
import type { Client } from "./client.ts";
import { NO_SCOPE } from "./zone_router.ts";

const NOTHING: PluginCounter = { add: () => undefined };

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

  /** Cold: for every plugin once, when it is made. */
  counter(name: string, labels: Readonly<Record<string, string>> = {}): PluginCounter {
    const number = this.#numbers.get(pluginCounterKey(name, labels));
    return number === undefined ? NOTHING : new ScopedCounter(this.#rows, this.#client, number);
  }
}

class ScopedCounter implements PluginCounter {
  readonly #rows: Float64Array;
  readonly #client: Client;
  readonly #number: number;

  constructor(rows: Float64Array, client: Client, number: number) {
    this.#rows = rows;
    this.#client = client;
    this.#number = number;
  }

  add(): void {
    const { scope } = this.#client;
    // What no zone takes reaches no plugin.
    const row = scope === NO_SCOPE || scope >= SCOPE_OVERFLOW ? SCOPE_OVERFLOW : scope;
    this.#rows[row * PLUGIN_COUNTERS_MAX + this.#number]! += 1;
  }
}

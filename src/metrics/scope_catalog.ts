/**
 * What is known of the scopes that workers count by: their labels, and what the server block has
 * that they belong to. Scopes of former configurations stay: a counter does not vanish.
 */

import type { Config } from "../config/config.ts";
import type { Plan } from "../handoff/plan.ts";
import { SCOPE_OVERFLOW, type ScopeLabels, type ScopeNumbers } from "../handoff/scope_numbers.ts";
import { SCOPES_MAX } from "../limits.ts";

export interface ScopeInfo {
  /** The row that it is counted in. */
  readonly row: number;
  readonly labels: ScopeLabels;
  /** Zones of `cache`, with commas; null when its block has none, now or lately. */
  readonly cacheZones: string | null;
  /** Id of its view in the plan in force; null when it is not in it any more. */
  readonly view: number | null;
  /** Directives of its block; empty when it is not in the plan any more. */
  readonly plugins: readonly string[];
}

/** All scopes that have no row of their own. */
const OVERFLOW: ScopeInfo = {
  row: SCOPE_OVERFLOW,
  labels: { server: "other", zone: "other", view: "" },
  cacheZones: "other",
  view: null,
  plugins: [],
};

export class ScopeCatalog {
  readonly #numbers: ScopeNumbers;
  readonly #known: ScopeInfo[] = [];

  constructor(numbers: ScopeNumbers) {
    this.#numbers = numbers;
  }

  /** To be called with every plan that takes effect, and the configuration that it comes from. */
  apply(config: Config, plan: Plan): void {
    const routes = plan.listeners.flatMap(({ zones }) => zones);
    const views = new Map(routes.map(({ scope, view }) => [scope, view]));
    this.#numbers.labels.forEach((labels, row) => {
      const view = views.get(row) ?? null;
      const before = this.#known[row];
      // The blocks of a configuration and the views of its plan have the same order.
      const block = plan.views.findIndex(({ id }) => id === view);
      const zones = plan.views[block]?.cache?.zones.join() ?? null;
      this.#known[row] = {
        ...{ row, labels, view },
        cacheZones: zones ?? before?.cacheZones ?? null,
        plugins: Object.keys(config.servers[block]?.plugins ?? {}),
      };
    });
  }

  /** By row; the last one is for all that have none. */
  get scopes(): readonly ScopeInfo[] {
    return [...this.#known, OVERFLOW];
  }

  /** Why some scopes are counted together: a sentence, or null. */
  get shortage(): string | null {
    const count = this.#numbers.overflowCount;
    if (count === 0) return null;
    const what = `${count} zones of listeners are counted together as "other"`;
    return `${what}: a process counts ${SCOPES_MAX} of them apart, in its whole life`;
  }
}

/**
 * Counters that plugins have for themselves: declared by a plugin's setup, written by its code in
 * the workers, by scope, and read by the control plane.
 *
 *   setup   counters: () => [{ name: "coredns_x_total", help: "…", scoped: "server", labels: {} }]
 *   worker  const x = context.counter("coredns_x_total"); … x.add()
 */

import { PLUGIN_COUNTERS_MAX } from "../limits.ts";
import { StableNumbers } from "./stable_numbers.ts";

export interface PluginCounterDeclaration {
  /** As Prometheus sees it; it ends in `_total`. */
  readonly name: string;
  /** One sentence for people. */
  readonly help: string;
  /**
   * Labels that it gets from where the query came in: none; `server`; `server` and `view`;
   * `server`, `zone` and `view`.
   */
  readonly scoped: "" | "server" | "view" | "zone";
  /** Labels of its own. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The number of a declared counter, for workers. */
export interface PluginCounterPlan {
  /** See `pluginCounterKey`. */
  readonly key: string;
  readonly number: number;
}

/** In a worker: where one counter is written. */
export interface PluginCounter {
  /** Hot path: one more, for the query that is being handled. Allocates nothing. */
  add(): void;
}

export function pluginCounterKey(name: string, labels: Readonly<Record<string, string>>): string {
  return JSON.stringify([name, Object.entries(labels).sort()]);
}

export class PluginCounterNumbers {
  readonly #numbers = new StableNumbers(PLUGIN_COUNTERS_MAX);
  readonly #declared: PluginCounterDeclaration[] = [];

  /** By number. */
  get declared(): readonly PluginCounterDeclaration[] {
    return this.#declared;
  }

  /** One that has no place any more shares the last one, which nobody reads. */
  planOf(declaration: PluginCounterDeclaration): PluginCounterPlan {
    const key = pluginCounterKey(declaration.name, declaration.labels);
    const number = this.#numbers.numberOf(key);
    if (number !== this.#numbers.overflow) this.#declared[number] = declaration;
    return { key, number };
  }
}

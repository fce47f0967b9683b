/** Metrics that plugins have of their settings, see `PluginSetup.gauges`. */

import type { PluginGauge } from "../plugins/plugin_setup.ts";
import type { Family } from "./registry.ts";

interface Gauge {
  readonly help: string;
  /** Of those that are added up. */
  sum: number;
  /** Of those that tell of a change, a text for each server block. */
  readonly texts: string[];
}

export class PluginGauges {
  #families: readonly Family[] = [];
  readonly #changes = new Map<
    string,
    { readonly texts: readonly string[]; readonly sec: number }
  >();

  get families(): readonly Family[] {
    return this.#families;
  }

  /**
   * To be called with those of every configuration that takes effect.
   *
   * @param nowSec since 1970.
   */
  apply(given: readonly PluginGauge[], nowSec: number): void {
    const gauges = new Map<string, Gauge>();
    for (const one of given) {
      const gauge = gauges.get(one.name) ?? { help: one.help, sum: 0, texts: [] };
      gauges.set(one.name, gauge);
      if ("value" in one) gauge.sum += one.value;
      else gauge.texts.push(one.changeOf);
    }
    this.#families = [...gauges].map(([name, { help, sum, texts }]) => {
      const value = texts.length === 0 ? sum : this.#changedSec(name, texts, nowSec);
      return { name, help, type: "gauge", samples: [{ labels: {}, value }] };
    });
  }

  #changedSec(name: string, texts: readonly string[], nowSec: number): number {
    const before = this.#changes.get(name);
    const isSame =
      before?.texts.length === texts.length &&
      before.texts.every((text, index) => text === texts[index]);
    const sec = isSame ? before.sec : nowSec;
    this.#changes.set(name, { texts, sec });
    return sec;
  }
}

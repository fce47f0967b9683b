// Hot path.
/** `filter_aaaa` in the workers: AAAA questions in its zones have no answer. See README.md. */

import type { PluginCounter } from "../../handoff/plugin_counters.ts";
import { RCODE_NOERROR, TYPE_AAAA } from "../../wire/constants.ts";
import { isBelow, nameToWire } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import type { StageContext } from "../back_plugin.ts";
import { type Denial, denialOf, type GatePlugin } from "../gate_plugin.ts";
import { FILTERED } from "./counters.ts";

export class FilterAaaaPlugin implements GatePlugin {
  readonly #filtered: PluginCounter;
  /** Folded wire names, longest first, and what is said about names in them. */
  readonly #zones: readonly Uint8Array[];
  readonly #denials: readonly Denial[];

  constructor(zones: readonly string[], { counter }: Pick<StageContext, "counter">) {
    this.#filtered = counter(FILTERED.name);
    const sorted = zones.toSorted((a, b) => b.length - a.length);
    this.#zones = sorted.map((zone) => nameToWire(zone));
    this.#denials = sorted.map((zone) => denialOf(zone, RCODE_NOERROR));
  }

  deny(query: Query): Denial | null {
    if (query.type !== TYPE_AAAA) return null;
    for (let index = 0; index < this.#zones.length; index++) {
      if (!isBelow(this.#zones[index]!, query.nameBytes, query.nameLength)) continue;
      this.#filtered.add();
      return this.#denials[index]!;
    }
    return null;
  }
}

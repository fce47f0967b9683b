// Hot path.
/**
 * `search_cut` in the workers: does a name end in a search domain, and what is before that in a
 * name of the world outside? See README.md.
 *
 *   www.example.com . shop . svc.cluster.local
 *   └ outside: com    └ *    └ search domain
 */

import type { PluginCounter } from "../../handoff/plugin_counters.ts";
import { RCODE_NXDOMAIN } from "../../wire/constants.ts";
import { isBelow, nameToWire } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import type { StageContext } from "../back_plugin.ts";
import { type Denial, denialOf, type GatePlugin } from "../gate_plugin.ts";
import { DENIED } from "./counters.ts";
import type { SearchCutPlan } from "./plan.ts";

const ANY_LABEL = "*.";

interface Cut {
  /** Search domain, folded wire name. */
  readonly domain: Uint8Array;
  /** Labels before the domain that belong to it: 0 or 1. */
  readonly anyLabels: number;
  /** Ends of outside names, folded, without the root byte. */
  readonly names: readonly Uint8Array[];
  readonly denial: Denial;
}

export class SearchCutPlugin implements GatePlugin {
  readonly #denied: PluginCounter;
  readonly #cuts: readonly Cut[];

  constructor(plan: SearchCutPlan, { counter }: Pick<StageContext, "counter">) {
    this.#denied = counter(DENIED.name);
    this.#cuts = plan.cuts.flatMap(({ zones, below, names }) => {
      const ends = names.map((name) => nameToWire(name).slice(0, -1));
      return below.map((text) => {
        const isAny = text.startsWith(ANY_LABEL);
        const domain = isAny ? text.slice(ANY_LABEL.length) : text;
        const zone = zones.find((name) => domain === name || domain.endsWith(`.${name}`));
        return {
          domain: nameToWire(domain),
          anyLabels: isAny ? 1 : 0,
          names: ends,
          denial: denialOf(zone ?? domain, RCODE_NXDOMAIN),
        };
      });
    });
  }

  deny(query: Query): Denial | null {
    for (let index = 0; index < this.#cuts.length; index++) {
      const cut = this.#cuts[index]!;
      if (!isBelow(cut.domain, query.nameBytes, query.nameLength)) continue;
      if (!isOutside(cut, query)) continue;
      this.#denied.add();
      return cut.denial;
    }
    return null;
  }
}

/** Whether what stands before the search domain ends in an outside name and has more before it. */
function isOutside(cut: Cut, query: Query): boolean {
  const { nameBytes, labels, labelCount } = query;
  const domainStart = query.nameLength - cut.domain.length;
  // The label at which the search domain begins, with those that belong to it.
  let label = labelCount;
  while (label > 0 && labels[label - 1]! >= domainStart) label--;
  label -= cut.anyLabels;
  // At least one label of the outside name and one before it.
  if (label < 2) return false;
  const end = label === labelCount ? query.nameLength - 1 : labels[label]!;
  for (let index = 0; index < cut.names.length; index++) {
    const name = cut.names[index]!;
    const start = end - name.length;
    if (start > 0 && isLabelStart(query, start) && isAt(name, nameBytes, start)) return true;
  }
  return false;
}

function isLabelStart(query: Query, offset: number): boolean {
  for (let label = 0; label < query.labelCount; label++) {
    if (query.labels[label]! >= offset) return query.labels[label] === offset;
  }
  return false;
}

function isAt(name: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < name.length; at++) {
    if (name[at] !== bytes[start + at]) return false;
  }
  return true;
}

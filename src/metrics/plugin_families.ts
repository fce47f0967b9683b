/** Counters that plugins have declared, see handoff/plugin_counters.ts. */

import type { PluginCounterDeclaration } from "../handoff/plugin_counters.ts";
import { PLUGIN_COUNTERS_MAX } from "../limits.ts";
import type { Family, LabelValues } from "./registry.ts";
import type { ScopeInfo } from "./scope_catalog.ts";

/** @param areas of all workers, `MetricsRows.plugins`. */
export function pluginFamilies(
  areas: readonly Float64Array[],
  declared: readonly PluginCounterDeclaration[],
  scopes: readonly ScopeInfo[],
): Family[] {
  const families = new Map<string, { family: Family; values: Map<string, Value> }>();
  for (const [number, declaration] of declared.entries()) {
    const { name, help } = declaration;
    const found = families.get(name) ?? {
      family: { name, help, type: "counter", samples: [] },
      values: new Map(),
    };
    families.set(name, found);
    for (const scope of scopes) {
      const at = scope.row * PLUGIN_COUNTERS_MAX + number;
      const value = areas.reduce((sum, area) => sum + area[at]!, 0);
      if (value > 0) addValue(found.values, labelsOf(declaration, scope), value);
    }
  }
  return [...families.values()].map(({ family, values }) => ({
    ...family,
    samples: [...values.values()],
  }));
}

interface Value {
  readonly labels: LabelValues;
  value: number;
}

function addValue(values: Map<string, Value>, labels: LabelValues, value: number): void {
  const key = JSON.stringify(labels);
  const known = values.get(key);
  if (known === undefined) values.set(key, { labels, value });
  else known.value += value;
}

function labelsOf({ scoped, labels }: PluginCounterDeclaration, scope: ScopeInfo): LabelValues {
  const { server, zone, view } = scope.labels;
  if (scoped === "server") return { server, ...labels };
  if (scoped === "view") return { server, view, ...labels };
  return scoped === "zone" ? { server, zone, view, ...labels } : labels;
}

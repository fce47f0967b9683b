/** What the metrics of a simulated server say, as `NAME{LABELS}` to a number. */

import { CacheMemory } from "../../src/cache/memory.ts";
import { allMetricsRows } from "../../src/handoff/metrics_memory.ts";
import { dnsFamilies } from "../../src/metrics/dns_families.ts";
import { forwardFamilies } from "../../src/metrics/forward_families.ts";
import { pluginFamilies } from "../../src/metrics/plugin_families.ts";
import { familyText } from "../../src/metrics/registry.ts";
import { ScopeCatalog } from "../../src/metrics/scope_catalog.ts";
import type { SimServer } from "./sim_server.ts";

export function simMetrics(server: SimServer): ReadonlyMap<string, number> {
  const { config, plan, rows, metricsMemory, loop } = server;
  const catalog = new ScopeCatalog(rows.scopes);
  catalog.apply(config, plan);
  const areas = allMetricsRows(metricsMemory);
  const cache = new CacheMemory(loop.plane.cache.memory.buffer);
  const counts = (view: number) =>
    ({
      entries: [cache.entriesOf(view, 0), cache.entriesOf(view, 1)],
      evicted: [cache.evictionsOf(view, 0), cache.evictionsOf(view, 1)],
    }) as const;
  const families = [
    ...dnsFamilies(
      areas.map(({ scopes }) => scopes),
      catalog.scopes,
      counts,
    ),
    ...forwardFamilies(
      areas.map(({ upstreams }) => upstreams),
      rows.upstreams,
    ),
    ...pluginFamilies(
      areas.map(({ plugins }) => plugins),
      rows.pluginCounters.declared,
      catalog.scopes,
    ),
  ];
  return parseMetrics(families.map(familyText).join(""));
}

/** Text of metrics to its samples. */
export function parseMetrics(text: string): ReadonlyMap<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** The sum of all series of `name` whose labels hold all of `labels`, such as `rcode="NOERROR"`. */
export function sumOf(
  samples: ReadonlyMap<string, number>,
  name: string,
  ...labels: readonly string[]
): number {
  let sum = 0;
  for (const [key, value] of samples) {
    const isIt = key === name || key.startsWith(`${name}{`);
    if (isIt && labels.every((label) => key.includes(label))) sum += value;
  }
  return sum;
}

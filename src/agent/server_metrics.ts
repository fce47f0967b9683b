/** All metrics of the server, put together from what workers and the control plane count. */

import process from "node:process";
import { LIST_DENIAL, LIST_SUCCESS } from "../cache/lists.ts";
import { CacheMemory } from "../cache/memory.ts";
import { pluginGauges } from "../config/compile.ts";
import type { Config } from "../config/config.ts";
import { readCounters } from "../handoff/counters.ts";
import { allMetricsRows } from "../handoff/metrics_memory.ts";
import type { Plan } from "../handoff/plan.ts";
import type { PlanNumbers } from "../handoff/plan_numbers.ts";
import { loggerOf } from "../log/logger.ts";
import { dnsFamilies } from "../metrics/dns_families.ts";
import { forwardFamilies } from "../metrics/forward_families.ts";
import {
  buildFamilies,
  counterFamilies,
  memoryFamilies,
  pluginEnabledFamily,
  reloadFamilies,
  workerFamilies,
} from "../metrics/own_families.ts";
import { pluginFamilies } from "../metrics/plugin_families.ts";
import { PluginGauges } from "../metrics/plugin_gauges.ts";
import { processFamilies } from "../metrics/process_families.ts";
import { type Family, Registry } from "../metrics/registry.ts";
import { ScopeCatalog } from "../metrics/scope_catalog.ts";
import { VERSION } from "../version.ts";
import type { DataPlane } from "./data_plane.ts";

export interface ServerMetricsParts {
  readonly dataPlane: DataPlane;
  readonly rows: PlanNumbers;
  /** What is known of reloads; null before there can be one. */
  readonly reloadState: () => { readonly hash: string; readonly failedCount: number } | null;
}

export class ServerMetrics {
  readonly registry = new Registry();
  readonly #parts: ServerMetricsParts;
  readonly #catalog: ScopeCatalog;
  readonly #gauges = new PluginGauges();
  #lastShortage: string | null = null;

  constructor(parts: ServerMetricsParts) {
    this.#parts = parts;
    this.#catalog = new ScopeCatalog(parts.rows.scopes);
    this.registry.collect(() => this.#families());
  }

  /** To be called with every plan that takes effect, and the configuration that it comes from. */
  apply(config: Config, plan: Plan): void {
    this.#catalog.apply(config, plan);
    this.#gauges.apply(pluginGauges(config), Date.now() / 1000);
    const { shortage } = this.#catalog;
    if (shortage !== null && shortage !== this.#lastShortage) {
      loggerOf("metrics").warn("{text}", { text: shortage });
    }
    this.#lastShortage = shortage;
  }

  #families(): Family[] {
    const { dataPlane, rows, reloadState } = this.#parts;
    const areas = allMetricsRows(dataPlane.metricsMemory);
    const { scopes } = this.#catalog;
    const cache = new CacheMemory(dataPlane.cacheMemory);
    const nowMs = performance.now();
    const state = reloadState() ?? { hash: "", failedCount: 0 };
    return [
      ...buildFamilies({ version: VERSION, runtime: runtimeName() }),
      pluginEnabledFamily(scopes),
      ...dnsFamilies(
        areas.map((area) => area.scopes),
        scopes,
        (view) => cacheCounts(cache, view),
      ),
      ...forwardFamilies(
        areas.map((area) => area.upstreams),
        rows.upstreams,
      ),
      ...pluginFamilies(
        areas.map((area) => area.plugins),
        rows.pluginCounters.declared,
        scopes,
      ),
      ...this.#gauges.families,
      ...counterFamilies(readCounters(dataPlane.countersMemory)),
      ...reloadFamilies(state),
      ...memoryFamilies(cache.buffer.byteLength, cache.liveBytes),
      ...workerFamilies(
        dataPlane.workers.map(({ number }) => ({
          number,
          heartbeatAgeMs: nowMs - dataPlane.heartbeatMs(number),
        })),
      ),
      ...processFamilies(),
    ];
  }
}

function cacheCounts(cache: CacheMemory, view: number) {
  return {
    entries: [cache.entriesOf(view, LIST_SUCCESS), cache.entriesOf(view, LIST_DENIAL)],
    evicted: [cache.evictionsOf(view, LIST_SUCCESS), cache.evictionsOf(view, LIST_DENIAL)],
  } as const;
}

function runtimeName(): string {
  const { deno } = process.versions as { deno?: string };
  return deno === undefined ? `node${process.versions.node}` : `deno${deno}`;
}

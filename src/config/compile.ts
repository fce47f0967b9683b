/** The checked configuration to the plan that data-plane workers build themselves from. */

import {
  emptyViewPlan,
  type ListenerPlan,
  type Plan,
  type ViewPlan,
  type ZoneRoute,
} from "../handoff/plan.ts";
import { PlanNumbers } from "../handoff/plan_numbers.ts";
import type { PluginCounterPlan } from "../handoff/plugin_counters.ts";
import { ZONE_DROPPED } from "../handoff/scope_numbers.ts";
import type { PluginSetup, ViewDraft } from "../plugins/plugin_setup.ts";
import { PLUGIN_NAMES, PLUGINS } from "../plugins/registry.ts";
import { formatEndpoint } from "../std/ip_address.ts";
import type { Config, ServerConfig } from "./config.ts";

/** All addresses of the machine, one socket per family. */
export const WILDCARD_ADDRESSES: readonly string[] = ["0.0.0.0", "::"];

/**
 * Compiles a checked configuration. Pure, but for numbers that new scopes get.
 *
 * @param generation number of this plan, one above the last.
 * @param numbers the same for all plans of a process.
 */
export function compilePlan(
  config: Config,
  generation: number,
  numbers: PlanNumbers = new PlanNumbers(),
): Plan {
  const { scopes } = numbers;
  scopes.beginPlan();
  const listeners = new Map<string, ListenerPlan & { zones: ZoneRoute[] }>();
  config.servers.forEach((server, view) => {
    const addresses = listenAddresses(server);
    for (const address of addresses) {
      for (const { zone, port } of server.serves) {
        const label = addresses === WILDCARD_ADDRESSES ? `:${port}` : formatEndpoint(address, port);
        const scopeOf = (zone: string) =>
          scopes.numberOf({ server: `dns://${label}`, zone, view: "" });
        const key = `${address} ${port}`;
        const listener = listeners.get(key) ?? {
          address,
          port,
          isTransparent: false,
          isPrivate: false,
          zones: [],
          droppedScope: scopeOf(ZONE_DROPPED),
        };
        listeners.set(key, listener);
        listener.zones.push({ zone, view, scope: scopeOf(zone) });
      }
    }
  });
  const views = config.servers.map((server) => compileView(server).plan);
  return {
    generation,
    listeners: [...listeners.values()] satisfies ListenerPlan[],
    views,
    upstreamRows: upstreamRows(views, numbers),
    pluginCounters: pluginCounters(config, numbers),
  };
}

function upstreamRows(views: readonly ViewPlan[], { upstreams }: PlanNumbers) {
  const used = views.flatMap(({ forwards }) => forwards.flatMap((forward) => forward.upstreams));
  const names = used.map(({ address, port }) => formatEndpoint(address, port));
  return Object.fromEntries(names.map((name) => [name, upstreams.numberOf(name)]));
}

/** Of the plugins of all blocks, each counter once. */
function pluginCounters({ servers }: Config, numbers: PlanNumbers): PluginCounterPlan[] {
  const declared = servers.flatMap(({ plugins }) =>
    PLUGIN_NAMES.flatMap((name) => {
      const setup = PLUGINS[name] as PluginSetup<unknown>;
      const settings = plugins[name];
      return settings === undefined ? [] : (setup.counters?.(settings) ?? []);
    }),
  );
  const plans = declared.map((declaration) => numbers.pluginCounters.planOf(declaration));
  return [...new Map(plans.map((plan) => [plan.key, plan])).values()];
}

/** Addresses that a server block listens on; `WILDCARD_ADDRESSES` itself when it is not bound. */
export function listenAddresses(server: ServerConfig): readonly string[] {
  const { addresses } = compileView(server);
  return addresses.length === 0 ? WILDCARD_ADDRESSES : addresses;
}

function compileView(server: ServerConfig): { plan: ViewPlan; addresses: readonly string[] } {
  const draft: ViewDraft = {
    ...emptyViewPlan(server.name, []),
    zones: [...new Set(server.serves.map((served) => served.zone))],
    forwards: [],
    plugins: [],
    log: [],
    addresses: [],
  };
  for (const name of PLUGIN_NAMES) {
    const settings = server.plugins[name];
    // The registry pairs each name with the setup of just these settings.
    const setup = PLUGINS[name] as PluginSetup<unknown>;
    if (settings !== undefined) setup.contribute(settings, draft);
  }
  const { addresses, ...plan } = draft;
  return { plan, addresses };
}

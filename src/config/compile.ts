/** The checked configuration to the plan that data-plane workers build themselves from. */

import {
  emptyViewPlan,
  type ListenerPlan,
  type Plan,
  TIMEOUTS_DEFAULT,
  type TimeoutsPlan,
  type ViewPlan,
  type ZoneRoute,
} from "../handoff/plan.ts";
import { PlanNumbers } from "../handoff/plan_numbers.ts";
import type { PluginCounterPlan } from "../handoff/plugin_counters.ts";
import { ZONE_DROPPED } from "../handoff/scope_numbers.ts";
import { boundAddresses } from "../plugins/bind/setup.ts";
import type { PluginGauge, PluginSetup, ViewDraft } from "../plugins/plugin_setup.ts";
import { PLUGIN_NAMES, PLUGINS } from "../plugins/registry.ts";
import { formatEndpoint } from "../std/ip_address.ts";
import type { Config, ServerConfig } from "./config.ts";
import { ViewNumbers } from "./view_numbers.ts";

/** All addresses of the machine, one socket per family. */
export const WILDCARD_ADDRESSES: readonly string[] = ["0.0.0.0", "::"];

export interface CompileOptions {
  /** Of the plans before, so that blocks which stay keep their ids. @default none */
  readonly numbers?: ViewNumbers;
  /** Of what is counted; the same for all plans of a process. @default none */
  readonly rows?: PlanNumbers;
  /** On a clock that does not go back, for `numbers`. @default {0} */
  readonly nowMs?: number;
}

/**
 * Compiles a checked configuration. Pure, but for the numbers in `options`.
 *
 * @param generation number of this plan, one above the last.
 * @throws {RangeError} when there are too many server blocks.
 */
export function compilePlan(
  config: Config,
  generation: number,
  options: CompileOptions = {},
): Plan {
  const { numbers = new ViewNumbers(), rows = new PlanNumbers(), nowMs = 0 } = options;
  const { scopes } = rows;
  const compiled = config.servers.map(compileView);
  const views = compiled.map(({ plan }) => plan);
  const ids = numbers.assign(views.map(keyOf), nowMs);
  scopes.beginPlan();
  const listeners = new Map<string, ListenerDraft>();
  config.servers.forEach((server, index) => {
    const addresses = listenAddresses(server);
    for (const address of addresses) {
      for (const { zone, port } of server.serves) {
        const label = addresses === WILDCARD_ADDRESSES ? `:${port}` : formatEndpoint(address, port);
        const scopeOf = (zone: string, view = "") =>
          scopes.numberOf({ server: `dns://${label}`, zone, view });
        const key = `${address} ${port}`;
        const listener = listeners.get(key) ?? {
          address,
          port,
          isTransparent: false,
          isPrivate: false,
          zones: [],
          droppedScope: scopeOf(ZONE_DROPPED),
          timeouts: TIMEOUTS_DEFAULT,
        };
        listeners.set(key, listener);
        // Blocks that share a listener share its connections: the last one that says something
        // about them counts, as in CoreDNS.
        listener.timeouts = { ...listener.timeouts, ...compiled[index]!.timeouts };
        const scope = scopeOf(zone, server.plugins.view?.name);
        listener.zones.push({ zone, view: ids[index]!, scope });
      }
    }
  });
  return {
    generation,
    listeners: [...listeners.values()] satisfies ListenerPlan[],
    views: views.map((view, index) => ({ id: ids[index]!, ...view })),
    upstreamRows: upstreamRows(views, rows),
    pluginCounters: pluginCounters(config, rows),
  };
}

function upstreamRows(views: readonly ViewDraftPlan[], { upstreams }: PlanNumbers) {
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

/** What plugins have to say of their settings, block by block. */
export function pluginGauges({ servers }: Config): PluginGauge[] {
  return servers.flatMap(({ plugins }) =>
    PLUGIN_NAMES.flatMap((name) => {
      const setup = PLUGINS[name] as PluginSetup<unknown>;
      const settings = plugins[name];
      return settings === undefined ? [] : (setup.gauges?.(settings) ?? []);
    }),
  );
}

/** Whether a plugin wants a file of its own to be followed, whatever is with the Corefile. */
export function followsFiles(config: Config): boolean {
  return config.servers.some((server) =>
    PLUGIN_NAMES.some((name) => {
      const settings = server.plugins[name];
      // The registry pairs each name with the setup of just these settings.
      const setup = PLUGINS[name] as PluginSetup<unknown>;
      return settings !== undefined && setup.followsFile?.(settings) === true;
    }),
  );
}

/**
 * Addresses that a server block listens on; `WILDCARD_ADDRESSES` itself when it is not bound. Asked
 * of blocks with mistakes as well, whose other settings mean nothing.
 */
export function listenAddresses({ plugins }: ServerConfig): readonly string[] {
  const addresses = plugins.bind === undefined ? [] : boundAddresses(plugins.bind);
  return addresses.length === 0 ? WILDCARD_ADDRESSES : addresses;
}

/** What a block answers by itself: see view_numbers.ts. */
function keyOf({ name, zones, plugins }: ViewDraftPlan): string {
  return JSON.stringify([name, zones, plugins]);
}

type ViewDraftPlan = Omit<ViewPlan, "id">;
type ListenerDraft = ListenerPlan & { zones: ZoneRoute[]; timeouts: TimeoutsPlan };

interface CompiledView {
  readonly plan: ViewDraftPlan;
  readonly addresses: readonly string[];
  readonly timeouts: Partial<TimeoutsPlan>;
}

function compileView(server: ServerConfig): CompiledView {
  const draft: ViewDraft = {
    ...emptyViewPlan(server.name, []),
    zones: [...new Set(server.serves.map((served) => served.zone))],
    forwards: [],
    plugins: [],
    consolidate: [],
    log: [],
    metadata: [],
    addresses: [],
    timeouts: {},
  };
  for (const name of PLUGIN_NAMES) {
    const settings = server.plugins[name];
    // The registry pairs each name with the setup of just these settings.
    const setup = PLUGINS[name] as PluginSetup<unknown>;
    if (settings !== undefined) setup.contribute(settings, draft);
  }
  const { addresses, timeouts, ...plan } = draft;
  return { plan, addresses, timeouts };
}

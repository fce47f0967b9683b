/**
 * The data-plane side of plugins: from a `PluginPlan` to what handles queries.
 *
 * A plugin that answers or changes queries is a class in its folder and its line here. This is
 * loaded by workers, and knows nothing of setup and schemas.
 */

import type { PluginPlan } from "../handoff/plan.ts";
import { AnyPlugin } from "./any/front.ts";
import type { BackPlugin, StageContext } from "./back_plugin.ts";
import type { FrontPlugin } from "./front_plugin.ts";
import { WhoamiPlugin } from "./whoami/back.ts";

type Maker<Plugin> = (settings: never, context: StageContext) => Plugin;

/** Before the cache. */
const FRONT: Readonly<Record<string, Maker<FrontPlugin>>> = {
  any: () => new AnyPlugin(),
};

/** Behind the cache. */
const BACK: Readonly<Record<string, Maker<BackPlugin>>> = {
  whoami: () => new WhoamiPlugin(),
};

/** Those of `plans` that stand before the cache, in their order. */
export function createFrontPlugins(
  plans: readonly PluginPlan[],
  context: StageContext,
): FrontPlugin[] {
  return create(FRONT, plans, context);
}

/** Those of `plans` that stand behind the cache, in their order. */
export function createBackPlugins(
  plans: readonly PluginPlan[],
  context: StageContext,
): BackPlugin[] {
  return create(BACK, plans, context);
}

/** Directives of those of `plans` that stand before or behind the cache, in their order. */
export function frontPluginNames(plans: readonly PluginPlan[]): string[] {
  return namesIn(FRONT, plans);
}

export function backPluginNames(plans: readonly PluginPlan[]): string[] {
  return namesIn(BACK, plans);
}

function namesIn(makers: Readonly<Record<string, unknown>>, plans: readonly PluginPlan[]) {
  return plans.map(({ plugin }) => plugin).filter((plugin) => Object.hasOwn(makers, plugin));
}

function create<Plugin>(
  makers: Readonly<Record<string, Maker<Plugin>>>,
  plans: readonly PluginPlan[],
  context: StageContext,
): Plugin[] {
  return plans.flatMap(({ plugin, settings }) =>
    Object.hasOwn(makers, plugin) ? [makers[plugin]!(settings as never, context)] : [],
  );
}

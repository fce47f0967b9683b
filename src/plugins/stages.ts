/**
 * The data-plane side of plugins: from a `PluginPlan` to what handles queries.
 *
 * A plugin that answers or changes queries is a class in its folder and its line here. This is
 * loaded by workers, and knows nothing of setup and schemas.
 */

import type { PluginPlan } from "../handoff/plan.ts";
import { AnyPlugin } from "./any/front.ts";
import { AutopathPlugin } from "./autopath/front.ts";
import type { BackPlugin, StageContext } from "./back_plugin.ts";
import { Dns64Plugin } from "./dns64/front.ts";
import type { FrontPlugin } from "./front_plugin.ts";
import { AnswerOrder } from "./loadbalance/answer_order.ts";
import type { LoadbalanceSettings } from "./loadbalance/settings.ts";
import { RewritePlugin } from "./rewrite/front.ts";
import { type Condition, parseCondition } from "./view/expression.ts";
import type { ViewSettings } from "./view/settings.ts";
import { WhoamiPlugin } from "./whoami/back.ts";

type Maker<Plugin> = (settings: never, context: StageContext) => Plugin;

/** Before the cache. */
const FRONT: Readonly<Record<string, Maker<FrontPlugin>>> = {
  any: () => new AnyPlugin(),
  dns64: (settings) => new Dns64Plugin(settings, { add: () => undefined }),
  rewrite: (settings) => new RewritePlugin(settings),
  autopath: (settings) => new AutopathPlugin(settings, { add: () => undefined }),
};

/** Behind the cache. */
const BACK: Readonly<Record<string, Maker<BackPlugin>>> = {
  whoami: () => new WhoamiPlugin(),
};

/** In which order clients get records, if `plans` say so. */
export function createAnswerOrder(
  plans: readonly PluginPlan[],
  context: StageContext,
): AnswerOrder | null {
  const plan = plans.find(({ plugin }) => plugin === "loadbalance");
  // Its setup is the only one that makes plans of this name.
  const settings = plan?.settings as LoadbalanceSettings | undefined;
  return settings === undefined ? null : new AnswerOrder(settings, context.randomBelow);
}

/** What queries must be like for a server block with `plans`; null when all are for it. */
export function createConditions(plans: readonly PluginPlan[]): readonly Condition[] | null {
  const plan = plans.find(({ plugin }) => plugin === "view");
  // Its setup is the only one that makes plans of this name.
  const settings = plan?.settings as ViewSettings | undefined;
  return settings === undefined ? null : settings.expressions.map(parseCondition);
}

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

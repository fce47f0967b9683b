/**
 * The data-plane side of plugins: from a `PluginPlan` to what handles queries.
 *
 * A plugin that answers or changes queries is a class in its folder and its line here. This is
 * loaded by workers, and knows nothing of setup and schemas.
 */

import type { PluginPlan } from "../handoff/plan.ts";
import { AclPlugin } from "./acl/front.ts";
import type { AmendPlugin } from "./amend_plugin.ts";
import { AnyPlugin } from "./any/front.ts";
import { AutopathPlugin } from "./autopath/front.ts";
import type { BackPlugin, StageContext } from "./back_plugin.ts";
import { ChaosPlugin } from "./chaos/front.ts";
import { Dns64Plugin } from "./dns64/front.ts";
import { FilterAaaaPlugin } from "./filter_aaaa/gate.ts";
import type { FrontPlugin } from "./front_plugin.ts";
import type { GatePlugin } from "./gate_plugin.ts";
import { HeaderPlugin } from "./header/amend.ts";
import { HostsPlugin } from "./hosts/back.ts";
import { AnswerOrder } from "./loadbalance/answer_order.ts";
import type { LoadbalanceSettings } from "./loadbalance/settings.ts";
import { LocalPlugin } from "./local/front.ts";
import { NsidPlugin } from "./nsid/amend.ts";
import { RewritePlugin } from "./rewrite/front.ts";
import { SearchCutPlugin } from "./search_cut/gate.ts";
import { TemplatePlugin } from "./template/back.ts";
import { TemplateAliasPlugin } from "./template/front.ts";
import { type Condition, parseCondition } from "./view/expression.ts";
import type { ViewSettings } from "./view/settings.ts";
import { WhoamiPlugin } from "./whoami/back.ts";

/** A plugin at one of the stages, and its directive. */
export interface Placed<Plugin> {
  readonly directive: string;
  readonly plugin: Plugin;
}

/** Null: with these settings it has nothing to do at that stage. */
type Maker<Plugin> = (settings: never, context: StageContext) => Plugin | null;

/** Before the cache. */
const FRONT: Readonly<Record<string, Maker<FrontPlugin>>> = {
  acl: (settings, context) => new AclPlugin(settings, context),
  any: () => new AnyPlugin(),
  dns64: (settings, context) => new Dns64Plugin(settings, context),
  rewrite: (settings) => new RewritePlugin(settings),
  autopath: (settings, context) => new AutopathPlugin(settings, context),
  chaos: (settings, context) => new ChaosPlugin(settings, context),
  local: (_settings, context) => new LocalPlugin(context),
  template: (settings) => TemplateAliasPlugin.of(settings),
};

/** Right before the cache. */
const GATES: Readonly<Record<string, Maker<GatePlugin>>> = {
  search_cut: (settings, context) => new SearchCutPlugin(settings, context),
  filter_aaaa: ({ zones }: { zones: readonly string[] }, context) =>
    new FilterAaaaPlugin(zones, context),
};

/** On the way out. */
const AMENDS: Readonly<Record<string, Maker<AmendPlugin>>> = {
  nsid: (settings) => new NsidPlugin(settings),
  header: (settings) => new HeaderPlugin(settings),
};

/** Behind the cache. */
const BACK: Readonly<Record<string, Maker<BackPlugin>>> = {
  hosts: (settings) => new HostsPlugin(settings),
  template: (settings, context) => new TemplatePlugin(settings, context),
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
): Placed<FrontPlugin>[] {
  return create(FRONT, plans, context);
}

/** Those of `plans` that stand right before the cache, in their order. */
export function createGatePlugins(
  plans: readonly PluginPlan[],
  context: StageContext,
): Placed<GatePlugin>[] {
  return create(GATES, plans, context);
}

/** Those of `plans` that change answers on their way out. */
export function createAmendPlugins(
  plans: readonly PluginPlan[],
  context: StageContext,
): Placed<AmendPlugin>[] {
  return create(AMENDS, plans, context);
}

/** Those of `plans` that stand behind the cache, in their order. */
export function createBackPlugins(
  plans: readonly PluginPlan[],
  context: StageContext,
): Placed<BackPlugin>[] {
  return create(BACK, plans, context);
}

function create<Plugin>(
  makers: Readonly<Record<string, Maker<Plugin>>>,
  plans: readonly PluginPlan[],
  context: StageContext,
): Placed<Plugin>[] {
  return plans.flatMap(({ plugin: directive, settings }) => {
    if (!Object.hasOwn(makers, directive)) return [];
    const plugin = makers[directive]!(settings as never, context);
    return plugin === null ? [] : [{ directive, plugin }];
  });
}

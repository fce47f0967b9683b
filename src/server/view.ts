// Hot path.
/** One server block at run time: is it cached, and which way do its misses go. */

import { CachePolicy } from "../cache/policy.ts";
import { answererOf } from "../handoff/answerers.ts";
import type { ViewPlan } from "../handoff/plan.ts";
import { QUESTION_DEADLINE_MS, UDP_ANSWER_BYTES_MAX } from "../limits.ts";
import type { AmendPlugin } from "../plugins/amend_plugin.ts";
import type { BackPlugin, StageContext } from "../plugins/back_plugin.ts";
import type { GatePlugin } from "../plugins/gate_plugin.ts";
import type { FlagChange, HeaderPlan } from "../plugins/header/plan.ts";
import type { AnswerOrder } from "../plugins/loadbalance/answer_order.ts";
import {
  createAmendPlugins,
  createAnswerOrder,
  createBackPlugins,
  createConditions,
  createFrontPlugins,
  createGatePlugins,
  type Placed,
} from "../plugins/stages.ts";
import type { Condition } from "../plugins/view/expression.ts";
import type { Route } from "../upstream/route.ts";
import { isBelow, nameToWire } from "../wire/name.ts";
import type { Query } from "../wire/query.ts";
import { FrontStage } from "./front_stage.ts";

/** What plugins of every view get. */
export type ViewContext = Omit<StageContext, "zones">;

export class View {
  readonly id: number;
  readonly plan: ViewPlan;
  /** What is kept and how long; null when nothing is. */
  readonly policy: CachePolicy | null;
  /** Log classes that any of its `log` lines asks for; 0 when it logs nothing. */
  readonly logClasses: number;
  /** Whether its queries and answers are counted for `prometheus`. */
  readonly counts: boolean;
  /** Whether one of them shows the address that was asked, or the upstream that replied. */
  readonly logsLocal: boolean;
  readonly logsUpstream: boolean;
  /** Answers by UDP, and replies to what is asked, are not larger. */
  readonly udpBytesMax: number;
  /** A question that has no answer by then has failed, ms. */
  readonly deadlineMs: number;
  /** Plugins before the cache; null when there are none. */
  readonly front: FrontStage | null;
  /** Plugins right before the cache; null when there are none. */
  readonly gates: readonly GatePlugin[] | null;
  /** Plugins behind the cache; null when there are none. */
  readonly back: readonly BackPlugin[] | null;
  /** Plugins that change answers on their way out; null when there are none. */
  readonly amends: readonly AmendPlugin[] | null;
  /** What is changed in the flags of queries for upstreams. */
  readonly queryFlags: FlagChange;
  /** Replies that answer are kept without what they have besides. */
  readonly isMinimal: boolean;
  /** ANSWERED_BY_… of each of `back`. */
  readonly backAnswerers: readonly number[];
  /** ANSWERED_BY_… of each of `gates`. */
  readonly gateAnswerers: readonly number[];
  /** In which order clients get records; null when it is that of the upstream. */
  readonly order: AnswerOrder | null;
  /** What a query must be like to be for this block; null when all are. */
  readonly conditions: readonly Condition[] | null;
  /** In the order of the Corefile. */
  readonly routes: readonly Route[];
  readonly #cachedZones: readonly Uint8Array[];
  readonly #cachesAll: boolean;

  constructor(id: number, plan: ViewPlan, routes: readonly Route[], context: ViewContext) {
    this.id = id;
    this.plan = plan;
    this.policy = plan.cache === null ? null : new CachePolicy(plan.cache);
    this.logClasses = plan.log.reduce((classes, log) => classes | log.classes, 0);
    this.counts = plan.metrics;
    this.logsLocal = plan.log.some(({ format }) => format.includes("{local}"));
    this.logsUpstream = plan.log.some(({ format }) => format.includes("{/forward/upstream}"));
    this.udpBytesMax = Math.min(plan.udpBytesMax, UDP_ANSWER_BYTES_MAX);
    this.deadlineMs = Math.min(plan.deadlineMs, QUESTION_DEADLINE_MS);
    const stage: StageContext = { zones: plan.zones, ...context };
    const front = createFrontPlugins(plan.plugins, stage);
    const gates = createGatePlugins(plan.plugins, stage);
    const back = createBackPlugins(plan.plugins, stage);
    const amends = createAmendPlugins(plan.plugins, stage);
    this.front =
      front.length === 0 ? null : new FrontStage(front.map(pluginOf), front.map(answeredBy));
    this.gates = gates.length === 0 ? null : gates.map(pluginOf);
    this.gateAnswerers = gates.map(answeredBy);
    this.back = back.length === 0 ? null : back.map(pluginOf);
    this.backAnswerers = back.map(answeredBy);
    this.amends = amends.length === 0 ? null : amends.map(pluginOf);
    this.queryFlags = queryFlagsOf(plan);
    this.isMinimal = plan.plugins.some(({ plugin }) => plugin === "minimal");
    this.order = createAnswerOrder(plan.plugins, stage);
    this.conditions = createConditions(plan.plugins);
    this.routes = routes;
    const cached = plan.cache?.zones ?? [];
    this.#cachedZones = cached.map((zone) => nameToWire(zone));
    this.#cachesAll =
      cached.includes(".") ||
      (cached.length > 0 && plan.zones.every((zone) => cached.includes(zone)));
  }

  /** Whether answers to this query are looked up and kept. */
  caches(query: Query): boolean {
    if (this.#cachesAll) return true;
    for (let index = 0; index < this.#cachedZones.length; index++) {
      if (isBelow(this.#cachedZones[index]!, query.nameBytes, query.nameLength)) return true;
    }
    return false;
  }

  /** The first `forward` that takes the query's name, or null. */
  routeFor(query: Query): Route | null {
    return this.#routeFrom(0, query.nameBytes, query.nameLength);
  }

  /** The first `forward` behind `route` that takes the folded name, or null. */
  routeAfter(route: Route, name: Uint8Array, nameLength: number): Route | null {
    return this.#routeFrom(this.routes.indexOf(route) + 1, name, nameLength);
  }

  #routeFrom(first: number, name: Uint8Array, nameLength: number): Route | null {
    for (let index = first; index < this.routes.length; index++) {
      if (this.routes[index]!.takes(name, nameLength)) return this.routes[index]!;
    }
    return null;
  }
}

const NO_CHANGE: FlagChange = { set: 0, clear: 0 };

/** Cold: once per view. */
function queryFlagsOf(plan: ViewPlan): FlagChange {
  const header = plan.plugins.find(({ plugin }) => plugin === "header");
  return header === undefined ? NO_CHANGE : { ...(header.settings as HeaderPlan).query };
}

function pluginOf<Plugin>({ plugin }: Placed<Plugin>): Plugin {
  return plugin;
}

function answeredBy({ directive }: Placed<unknown>): number {
  return answererOf(directive);
}

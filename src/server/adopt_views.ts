/**
 * Server blocks, routes and upstreams of a new plan, beside those that questions in flight still
 * need.
 *
 * Each has a number that a pending question or a channel keeps, so what is replaced stays in its
 * place until nobody refers to it. What is the same in both plans stays as it is, with its health,
 * its sockets and its counts.
 *
 *   prepareViews   makes all that is new; it may fail, and then nothing has changed
 *   applyViews     puts it into effect; it cannot fail
 *   sweepViews     later: what is not needed any more goes
 */

import { viewCapacity } from "../cache/view_capacity.ts";
import type { ForwardPlan, Plan, ViewPlan } from "../handoff/plan.ts";
import { VIEW_LEAVE_MS } from "../limits.ts";
import { Route } from "../upstream/route.ts";
import { prepareUpstreams, type UpstreamChange, useUpstreams } from "./adopt_upstreams.ts";
import type { Plane } from "./plane.ts";
import { PluginCounterRows } from "./plugin_counter_rows.ts";
import { View, type ViewContext } from "./view.ts";

/** Calls that take a few thousand answers of a view out of the cache, in one sweep. */
const FORGET_CALLS_PER_SWEEP = 2;
/** The same for a number that is given away again: more than the largest cache needs. */
const FORGET_CALLS_MAX = 10_000;

/** What of a plane's tables is in the plan, and what is leaving. */
export class PlanTables {
  /** Ids of the views that are in the plan. */
  readonly views = new Set<number>();
  /** By view id: since when it is not in the plan any more. */
  readonly leavingMs = new Map<number, number>();
  /** Capacities are not all in effect yet. */
  isCacheDue = false;
}

/** What a plan changes: all made, and none of it in effect. */
export interface ViewChange {
  readonly upstreams: UpstreamChange;
  /** New, or other than before. */
  readonly views: readonly View[];
  /** Ids of those that the plan does not have any more. */
  readonly gone: readonly number[];
}

/**
 * Makes what `plan` needs.
 *
 * @throws {RangeError} when the tables have no room for it, or something in it cannot be made.
 */
export function prepareViews(plane: Plane, plan: Plan): ViewChange {
  const { tables, views } = plane;
  const changed = plan.views.filter(
    (view) => !tables.views.has(view.id) || textOf(views[view.id]!.plan) !== textOf(view),
  );
  const ids = new Set(plan.views.map(({ id }) => id));
  const replaced = new Set(changed.map(({ id }) => id));
  for (const { id } of changed) forgetOther(plane, id);
  const kept = keptRoutes(plane, replaced);
  const upstreams = prepareUpstreams(plane, plan, kept);
  const numbers = freeRoutes(plane, kept);
  const context = contextOf(plane, plan);
  const made = changed.map((view) => {
    const routes = view.forwards.map((forward) =>
      createRoute(plane, forward, { number: numbers.next().value, upstreams }),
    );
    return new View(view.id, view, routes, context);
  });
  return { upstreams, views: made, gone: [...tables.views].filter((id) => !ids.has(id)) };
}

/** From now on the plane has the server blocks of `plan`, of which `change` was made. */
export function applyViews(plane: Plane, plan: Plan, change: ViewChange): void {
  const { tables, views } = plane;
  useUpstreams(plane, change.upstreams);
  for (const id of change.gone) {
    tables.views.delete(id);
    tables.leavingMs.set(id, plane.nowMs);
  }
  for (const view of change.views) {
    for (const route of view.routes) plane.routes[route.number] = route;
    views[view.id] = view;
    tables.views.add(view.id);
    tables.leavingMs.delete(view.id);
  }
  plane.plan = plan;
  plane.scopeViews = scopeViewsOf(plan, plane.scopeViews);
  plane.countsDropped = plan.views.some(({ metrics }) => metrics);
  tables.isCacheDue = true;
  settleCache(plane);
  plane.loopWatch.adopt(plane);
}

/** What can go now goes. To be called now and then. */
export function sweepViews(plane: Plane): void {
  settleCache(plane);
  for (const [id, sinceMs] of plane.tables.leavingMs) {
    let left = 1;
    for (let call = 0; call < FORGET_CALLS_PER_SWEEP && left > 0; call++) {
      left = plane.cache.forgetView(id, plane.nowSec);
    }
    if (left > 0 || plane.nowMs - sinceMs < VIEW_LEAVE_MS) continue;
    if (plane.exchanges.holds(plane.views[id]!)) continue;
    plane.tables.leavingMs.delete(id);
    delete plane.views[id];
  }
}

/** The views of scopes; of those that are not in the plan, what they were. */
function scopeViewsOf({ listeners }: Plan, before: Int32Array): Int32Array<ArrayBuffer> {
  const routes = listeners.flatMap(({ zones }) => zones);
  const last = routes.reduce((highest, { scope }) => Math.max(highest, scope), before.length - 1);
  const views = new Int32Array(last + 1).fill(-1);
  views.set(before);
  for (const { scope, view } of routes) views[scope] = view;
  return views;
}

/** Capacities of the cache; what is above them goes a few thousand answers at a time. */
function settleCache(plane: Plane): void {
  const { tables, cache, plan } = plane;
  if (!tables.isCacheDue) return;
  const capacities = plan.views.map((view) => viewCapacity(view.id, view.cache));
  tables.isCacheDue = !cache.setViews(capacities, plane.nowSec);
}

function contextOf({ metrics, client, random }: Plane, plan: Plan): ViewContext {
  const counters = new PluginCounterRows(metrics.plugins, client, plan.pluginCounters);
  return {
    randomBelow: (limit) => random.below(limit),
    counter: (name, labels) => counters.counter(name, labels),
  };
}

/**
 * A number that has been leaving for long is another block's from now on, and of the one before
 * nothing may be found. One that has left a moment ago is the same block: its change was taken
 * back.
 *
 * @throws {RangeError} when that cannot be, because another worker keeps the cache locked.
 */
function forgetOther(plane: Plane, id: number): void {
  const sinceMs = plane.tables.leavingMs.get(id);
  if (sinceMs === undefined || plane.nowMs - sinceMs < VIEW_LEAVE_MS) return;
  for (let call = 0; call < FORGET_CALLS_MAX; call++) {
    if (plane.cache.forgetView(id, plane.nowSec) === 0) return;
  }
  const why = "the cache still holds answers of a server block that is gone";
  throw new RangeError(`Cannot use this configuration yet: ${why}`);
}

/**
 * Routes that keep their numbers: of views that stay or leave, of questions in flight, and of
 * exchanges, which may ask again.
 */
function keptRoutes(plane: Plane, replaced: ReadonlySet<number>): Set<Route> {
  const { tables, views, routes, exchanges } = plane;
  const kept = new Set(routes.filter(({ inFlightCount }) => inFlightCount > 0));
  for (const id of [...tables.views, ...tables.leavingMs.keys()]) {
    if (replaced.has(id)) continue;
    for (const route of views[id]!.routes) kept.add(route);
  }
  for (const view of exchanges.heldViews) {
    for (const route of view.routes) kept.add(route);
  }
  return kept;
}

/** Numbers for new routes. */
function* freeRoutes({ routes }: Plane, kept: ReadonlySet<Route>): Generator<number, never> {
  for (let number = 0; ; number++) {
    const before = routes[number];
    if (before === undefined || !kept.has(before)) yield number;
  }
}

function createRoute(
  plane: Plane,
  forward: ForwardPlan,
  { number, upstreams }: { readonly number: number; readonly upstreams: UpstreamChange },
): Route {
  return new Route(number, forward, upstreams.numbersOf(forward), plane.upstreams, plane.random);
}

function textOf(view: ViewPlan): string {
  return JSON.stringify(view);
}

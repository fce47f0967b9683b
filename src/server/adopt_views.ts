/**
 * Server blocks, routes and upstreams of a new plan, beside those that questions in flight still
 * need.
 *
 * Each has a number that a pending question or a channel keeps, so what is replaced stays in its
 * place until nobody refers to it. What is the same in both plans stays as it is, with its health,
 * its sockets and its counts.
 */

import { viewCapacity } from "../cache/view_capacity.ts";
import type { ForwardPlan, Plan, ViewPlan } from "../handoff/plan.ts";
import { CHANNELS_MAX, UPSTREAM_ROWS, UPSTREAMS_MAX, VIEW_LEAVE_MS } from "../limits.ts";
import { CHANNEL_TCP } from "../upstream/channels.ts";
import { Route } from "../upstream/route.ts";
import { Upstream, type UpstreamSettings, upstreamSettings } from "../upstream/upstream.ts";
import type { Plane } from "./plane.ts";
import { PluginCounterRows } from "./plugin_counter_rows.ts";
import { View, type ViewContext } from "./view.ts";

/** Calls that take a few thousand answers of a view out of the cache, in one sweep. */
const FORGET_CALLS_PER_SWEEP = 2;

/** What of a plane's tables is in the plan, and what is leaving. */
export class PlanTables {
  /** By view id: what its plan was, as text. Empty: not in the plan. */
  readonly viewTexts = new Map<number, string>();
  /** By view id: since when it is not in the plan any more. */
  readonly leavingMs = new Map<number, number>();
  /** Routes that are in the plan. */
  readonly routes = new Set<Route>();
  /** By upstream number: its settings as text; empty when it is not in the plan. */
  readonly upstreamTexts: string[] = [];
  /** Capacities are not all in effect yet. */
  isCacheDue = false;
}

/**
 * Takes over the server blocks of `plan`.
 *
 * @throws {RangeError} when there are more upstreams than the tables have room for; then nothing
 * has changed.
 */
export function adoptViews(plane: Plane, plan: Plan): void {
  const { tables } = plane;
  const changed = plan.views.filter((view) => tables.viewTexts.get(view.id) !== textOf(view));
  const ids = new Set(plan.views.map(({ id }) => id));
  const gone = [...tables.viewTexts.keys()].filter((id) => !ids.has(id));
  const stay = new Set([...ids].filter((id) => !changed.some((view) => view.id === id)));
  const numbers = takeUpstreams(plane, plan, stay);
  for (const id of gone) {
    dropRoutes(plane, plane.views[id]!);
    tables.viewTexts.delete(id);
    tables.leavingMs.set(id, plane.nowMs);
  }
  for (const view of changed) {
    replaceView(plane, view, numbers);
    tables.viewTexts.set(view.id, textOf(view));
  }
  plane.scopeViews = scopeViewsOf(plan, plane.scopeViews);
  plane.countsDropped = plan.views.some(({ metrics }) => metrics);
  tables.isCacheDue = true;
  settleCache(plane);
  plane.loopWatch.adopt(plane);
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

/** What can go now goes. To be called now and then. */
export function sweepViews(plane: Plane): void {
  settleCache(plane);
  for (const [id, sinceMs] of plane.tables.leavingMs) {
    let left = 1;
    for (let call = 0; call < FORGET_CALLS_PER_SWEEP && left > 0; call++) {
      left = plane.cache.forgetView(id, plane.nowSec);
    }
    if (left > 0 || plane.nowMs - sinceMs < VIEW_LEAVE_MS) continue;
    plane.tables.leavingMs.delete(id);
    delete plane.views[id];
  }
}

/** Capacities of the cache; what is above them goes a few thousand answers at a time. */
function settleCache(plane: Plane): void {
  const { tables, cache, plan } = plane;
  if (!tables.isCacheDue) return;
  const capacities = plan.views.map((view) => viewCapacity(view.id, view.cache));
  tables.isCacheDue = !cache.setViews(capacities, plane.nowSec);
}

function replaceView(plane: Plane, plan: ViewPlan, numbers: ReadonlyMap<string, number>): void {
  const { views, tables, cache } = plane;
  if (tables.leavingMs.delete(plan.id)) {
    // The number is another block's from now on: of the one before, nothing may be found.
    while (cache.forgetView(plan.id, plane.nowSec) > 0);
  } else if (views[plan.id] !== undefined) {
    dropRoutes(plane, views[plan.id]!);
  }
  const routes = plan.forwards.map((forward) => addRoute(plane, forward, numbers));
  views[plan.id] = new View(plan.id, plan, routes, contextOf(plane));
}

function contextOf({ metrics, client, plan, random }: Plane): ViewContext {
  const counters = new PluginCounterRows(metrics.plugins, client, plan.pluginCounters);
  return {
    randomBelow: (limit) => random.below(limit),
    counter: (name, labels) => counters.counter(name, labels),
  };
}

function addRoute(plane: Plane, forward: ForwardPlan, numbers: ReadonlyMap<string, number>): Route {
  const { routes, tables, upstreams, random } = plane;
  const members = upstreamSettings(forward).map(
    (settings) => numbers.get(JSON.stringify(settings))!,
  );
  const isFree = (route: Route) => !tables.routes.has(route) && route.inFlightCount === 0;
  const free = routes.findIndex(isFree);
  const number = free < 0 ? routes.length : free;
  const route = new Route(number, forward, members, upstreams, random);
  routes[number] = route;
  tables.routes.add(route);
  return route;
}

function dropRoutes(plane: Plane, view: View): void {
  for (const route of view.routes) plane.tables.routes.delete(route);
}

/**
 * A number for every upstream of `plan`. Those with the same address and settings are one,
 * whichever server block names them.
 */
function takeUpstreams(plane: Plane, plan: Plan, stay: ReadonlySet<number>): Map<string, number> {
  const { upstreams, tables } = plane;
  const wanted = new Map<string, UpstreamSettings>();
  for (const { forwards } of plan.views) {
    for (const settings of forwards.flatMap(upstreamSettings)) {
      wanted.set(JSON.stringify(settings), settings);
    }
  }
  const numbers = new Map<string, number>();
  for (const text of wanted.keys()) {
    const known = tables.upstreamTexts.indexOf(text);
    if (known >= 0) numbers.set(text, known);
  }
  // Idle sockets of those that go; if the change fails after all, they are opened again.
  tables.upstreamTexts.forEach((text, number) => {
    if (text !== "" && !wanted.has(text)) retireSockets(plane, number);
  });
  const free = freeUpstreams(plane, stay, new Set(numbers.values()));
  if (wanted.size - numbers.size > free.length) {
    const limit = `at most ${UPSTREAMS_MAX} different upstreams in all "forward" lines together`;
    throw new RangeError(`Cannot use this configuration: expected ${limit}`);
  }
  tables.upstreamTexts.forEach((text, number) => {
    if (!wanted.has(text)) tables.upstreamTexts[number] = "";
  });
  for (const [text, settings] of wanted) {
    if (numbers.has(text)) continue;
    const number = free.shift()!;
    numbers.set(text, number);
    const upstream = new Upstream(settings);
    upstream.metricsRow = plan.upstreamRows[upstream.name] ?? UPSTREAM_ROWS - 1;
    upstreams[number] = upstream;
    tables.upstreamTexts[number] = text;
    plane.prepareUpstream(number);
  }
  return numbers;
}

/**
 * Numbers that nobody refers to after the change, those that were never used last.
 *
 * @param stay views that do not change, with their routes.
 * @param kept upstreams that both plans have.
 */
function freeUpstreams(
  plane: Plane,
  stay: ReadonlySet<number>,
  kept: ReadonlySet<number>,
): number[] {
  const { channels, routes, views, upstreams } = plane;
  const used = new Set(kept);
  const inUse = routes.filter(({ inFlightCount }) => inFlightCount > 0);
  for (const id of stay) inUse.push(...views[id]!.routes);
  for (const number of inUse.flatMap((route) => [...route.upstreams])) used.add(number);
  channels.fds.forEach((fd, channel) => {
    if (fd >= 0) used.add(channels.upstreams[channel]!);
  });
  const free: number[] = [];
  for (let number = 0; number < UPSTREAMS_MAX; number++) {
    if (number >= upstreams.length || !used.has(number)) free.push(number);
  }
  return free;
}

/** They take no more questions; those in flight are still answered. */
function retireSockets(plane: Plane, number: number): void {
  const { channels, udpChannels, tcpChannels } = plane;
  for (let channel = 0; channel < CHANNELS_MAX; channel++) {
    if (!channels.isOpen(channel) || channels.upstreams[channel] !== number) continue;
    if (channels.retiring[channel] === 1) continue;
    if (channels.kinds[channel] === CHANNEL_TCP) tcpChannels.retire(channel);
    else udpChannels.retire(channel);
  }
}

function textOf(view: ViewPlan): string {
  return JSON.stringify(view);
}

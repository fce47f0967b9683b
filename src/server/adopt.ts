/**
 * Makes a running worker do what a new plan says: no query is lost, and the cache stays.
 *
 *   open and make what is new ── it may fail: nothing has changed ── server blocks ── listeners
 */

import type { Plan } from "../handoff/plan.ts";
import { closeListener, letGo, openListeners, useListeners } from "./adopt_listeners.ts";
import { applyViews, prepareViews, type ViewChange } from "./adopt_views.ts";
import type { Plane } from "./plane.ts";
import { ViewChoice } from "./view_choice.ts";

/**
 * Takes `plan` over, between two turns of the loop.
 *
 * @returns the ports of its listeners.
 * @throws {SysError | RangeError} when a listener cannot be had or the tables have no room; the
 * plane then goes on with the plan that it has. An error that leaves the plane with `plan` as its
 * plan is a bug.
 */
export function adoptPlan(plane: Plane, plan: Plan): number[] {
  const listeners = openListeners(plane, plan.listeners);
  let change: ViewChange;
  try {
    change = prepareViews(plane, plan);
  } catch (error) {
    for (const listener of listeners) {
      if (!plane.listeners.active.includes(listener)) closeListener(plane, listener);
    }
    throw error;
  }
  const { scopeViews, viewChoice } = plane;
  applyViews(plane, plan, change);
  const hasConditions = plan.views.some(({ id }) => plane.views[id]?.conditions != null);
  plane.viewChoice = hasConditions ? new ViewChoice(plane, plan) : null;
  const leaving = useListeners(plane, plan.listeners, listeners);
  if (leaving.length > 0) {
    // What waits there is for the server blocks that it was sent to.
    const { scopeViews: nextViews, viewChoice: nextChoice } = plane;
    plane.scopeViews = scopeViews;
    plane.viewChoice = viewChoice;
    for (const listener of leaving) letGo(plane, listener);
    plane.scopeViews = nextViews;
    plane.viewChoice = nextChoice;
  }
  return listeners.map((listener) => plane.listeners.ports[listener]!);
}

/**
 * Makes a running worker do what a new plan says: no query is lost, and the cache stays.
 *
 *   open what is new ── it may fail: nothing has changed ── server blocks ── listeners
 */

import type { Plan } from "../handoff/plan.ts";
import { closeListener, openListeners, useListeners } from "./adopt_listeners.ts";
import { adoptViews } from "./adopt_views.ts";
import type { Plane } from "./plane.ts";

/**
 * Takes `plan` over, between two turns of the loop.
 *
 * @returns the ports of its listeners.
 * @throws {SysError | RangeError} when a listener cannot be had or the tables have no room; the
 * plane then goes on with the plan that it has.
 */
export function adoptPlan(plane: Plane, plan: Plan): number[] {
  const listeners = openListeners(plane, plan.listeners);
  const before = plane.plan;
  try {
    plane.plan = plan;
    adoptViews(plane, plan);
  } catch (error) {
    plane.plan = before;
    for (const listener of listeners) {
      if (!plane.listeners.active.includes(listener)) closeListener(plane, listener);
    }
    throw error;
  }
  useListeners(plane, plan.listeners, listeners);
  return listeners.map((listener) => plane.listeners.ports[listener]!);
}

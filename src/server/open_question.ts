// Hot path.
/** A new pending question, with the client that is being handled as its first waiter. */

import { NO_SLOT } from "../std/slot_pool.ts";
import { NO_ROUTE, type Route } from "../upstream/route.ts";
import type { Plane } from "./plane.ts";
import type { View } from "./view.ts";
import { NO_WAITER } from "./waiters.ts";

/** All places of clients that wait are taken. */
export const FULL_WAITERS = -1;
/** All places of questions are taken. */
export const FULL_PENDING = -2;

/**
 * Opens `plane.query` for `plane.client`; nobody is asked yet.
 *
 * @param route that it will take; null when we answer it ourselves.
 * @param cached whether the answer is to be kept.
 * @returns its slot, FULL_WAITERS or FULL_PENDING.
 */
export function openQuestion(
  plane: Plane,
  view: View,
  route: Route | null,
  variant: number,
  cached: boolean,
): number {
  const { pending, waiters, query, client, nowMs } = plane;
  const waiter = waiters.add(query, client, nowMs);
  if (waiter === NO_WAITER) return FULL_WAITERS;
  const slot = pending.open(query, view.id, variant, nowMs);
  if (slot === NO_SLOT) {
    waiters.release(waiter);
    return FULL_PENDING;
  }
  pending.cached[slot] = cached ? 1 : 0;
  pending.firstWaiters[slot] = waiter;
  pending.lastWaiters[slot] = waiter;
  if (route === null) {
    pending.routes[slot] = NO_ROUTE;
  } else {
    pending.routes[slot] = route.number;
    route.inFlightCount += 1;
  }
  return slot;
}

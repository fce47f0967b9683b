/**
 * What the cache has to know of a server block, which is more than how many answers it may hold.
 */

import type { CachePlan, StalePlan } from "../handoff/plan.ts";
import type { ViewCapacity } from "./cache.ts";

/**
 * Stale answers are given for so long after they expired at most, whatever `serve_stale` says: 31
 * days.
 */
export const STALE_SEC_MAX = 2_678_400;

const MS_PER_SEC = 1000;

/** For `Cache.setViews()`. @param plan null when server block `view` has no `cache`. */
export function viewCapacity(view: number, plan: CachePlan | null): ViewCapacity {
  return {
    view,
    successCapacity: plan?.success.capacity ?? 0,
    denialCapacity: plan?.denial.capacity ?? 0,
    staleSec: staleSecOf(plan?.stale ?? null),
  };
}

/** Seconds for which answers are given after they expired; 0 when there is no plan for it. */
export function staleSecOf(plan: StalePlan | null): number {
  return Math.min(Math.ceil((plan?.windowMs ?? 0) / MS_PER_SEC), STALE_SEC_MAX);
}

// Hot path.
/** Clients have waited long enough: a stale answer for them, while the question goes on. */

import { answerWaiter } from "./finish.ts";
import type { Plane } from "./plane.ts";
import { loadStale } from "./stale.ts";
import { NO_WAITER } from "./waiters.ts";

/** Answers all waiters of `slot`, if the cache has something for them (RFC 8767 §5). */
export function answerEarly(plane: Plane, slot: number): void {
  const { pending, waiters } = plane;
  pending.staleMs[slot] = Number.POSITIVE_INFINITY;
  const view = plane.views[pending.views[slot]!]!;
  const { policy } = view;
  if (policy === null || policy.staleSec === 0 || !loadStale(plane, policy, slot)) return;
  pending.staleGiven[slot] = 1;
  // The first one stays, answered: its question is what further attempts are made of.
  const first = pending.firstWaiters[slot]!;
  let waiter = waiters.next[first]!;
  answerWaiter(plane, view, first);
  waiters.leave(first);
  pending.lastWaiters[slot] = first;
  while (waiter !== NO_WAITER) {
    const next = waiters.next[waiter]!;
    answerWaiter(plane, view, waiter);
    waiters.release(waiter);
    waiter = next;
  }
}

// Hot path.
/**
 * Questions that are asked for the cache and for nobody else: refreshes of what has expired or is
 * about to.
 *
 * Such a question is pending like any other, with one waiter who is nobody: clients who ask
 * meanwhile join it.
 */

import { KIND_SERVFAIL, keyHash } from "../cache/entry.ts";
import type { Prefetch } from "../cache/prefetch.ts";
import { COUNTER } from "../handoff/counters.ts";
import { PENDING_MAX, WAITERS_MAX } from "../limits.ts";
import { NO_SLOT } from "../std/slot_pool.ts";
import type { Route } from "../upstream/route.ts";
import { answerBehind } from "./answer_behind.ts";
import { ask } from "./ask.ts";
import { TRANSPORT_EXCHANGE, TRANSPORT_NONE } from "./client.ts";
import { countPrefetch } from "./count_answer.ts";
import { keepOptions } from "./keep_options.ts";
import { openQuestion } from "./open_question.ts";
import type { Plane } from "./plane.ts";
import type { View } from "./view.ts";

const NONE_TRIED = 0;

/**
 * Asks `plane.query`, just answered from the entry that the cache has found last, once more if it
 * is asked for often and about to expire. Only when there is room for it: clients who wait come
 * first.
 */
export function prefetch(plane: Plane, view: View, hits: Prefetch, variant: number): void {
  const { cache, query, nowSec } = plane;
  if (cache.kind === KIND_SERVFAIL) return;
  const { storedAtSec, expiresAtSec } = cache;
  const hash = keyHash(query.hash, query.type, query.class, variant, view.id);
  if (!hits.countHit(hash, storedAtSec, expiresAtSec, nowSec)) return;
  if (isBusy(plane) || isAnsweredBehind(plane, view)) return;
  const route = view.routeFor(query);
  if (route === null || !route.hasFresh(NONE_TRIED)) return;
  if (refreshBy(plane, view, route, variant)) hits.noteRefresh(expiresAtSec);
}

/** Asks `plane.query` once more, unless it is being asked. */
export function refresh(plane: Plane, view: View, variant: number): void {
  const route = view.routeFor(plane.query);
  if (route !== null) refreshBy(plane, view, route, variant);
}

/** @returns false when it is being asked already, or there is no room. */
function refreshBy(plane: Plane, view: View, route: Route, variant: number): boolean {
  const { pending, query, client } = plane;
  if (route.isFull() || pending.find(query, view.id, variant) !== NO_SLOT) return false;
  const { transport } = client;
  client.transport = TRANSPORT_NONE;
  const slot = openQuestion(plane, view, route, variant, true);
  client.transport = transport;
  if (slot < 0) return false;
  keepOptions(plane, slot);
  plane.counters[COUNTER.prefetches]! += 1;
  if (view.counts) countPrefetch(plane);
  ask(plane, slot);
  return true;
}

function isBusy({ pending, waiters }: Plane): boolean {
  return pending.usedCount * 2 >= PENDING_MAX || waiters.usedCount * 2 >= WAITERS_MAX;
}

/** What a plugin says at any time need not be asked for before its time. */
function isAnsweredBehind(plane: Plane, view: View): boolean {
  if (view.back === null) return false;
  // Its answer is encoded where that to a plugin before the cache stands now.
  return plane.client.transport === TRANSPORT_EXCHANGE || answerBehind(plane, view, view.back);
}

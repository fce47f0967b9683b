/** The life of a data-plane worker: open, serve, finish what is in flight, close. */

import { Cache } from "../cache/cache.ts";
import {
  announcedPlans,
  loopWords,
  requestedStage,
  STAGE_HAND_OVER,
  STAGE_STOP,
  workersSecret,
} from "../handoff/control.ts";
import { countersRow } from "../handoff/counters.ts";
import { metricsRows } from "../handoff/metrics_memory.ts";
import { RingWriter } from "../handoff/ring.ts";
import type { PlanMessage, WorkerStart } from "../handoff/worker_start.ts";
import { HUGE_PAGES_BYTES_MIN, SLEEP_MS_MAX, STOP_GRACE_MS, WARM_UP_STEP_MS } from "../limits.ts";
import { collectGarbage } from "../sys/collect_garbage.ts";
import type { Kernel } from "../sys/kernel.ts";
import { VERSION } from "../version.ts";
import { letGoOfAll } from "./adopt_listeners.ts";
import { finishAllTcp } from "./finish_tcp.ts";
import { Loop } from "./loop.ts";
import { type ConnectSecure, PLANE_SLAB_BYTES, Plane } from "./plane.ts";
import { WarmUp } from "./warm_up.ts";

/** The cache counts workers from 1, counters from 0. */
const FIRST_WORKER = 1;

/** Room for the plane that serves and the one that warms up; pages never used cost nothing. */
export const WORKER_SLAB_BYTES = 2 * PLANE_SLAB_BYTES;

/** Makes the state of a worker. */
export function createPlane(
  start: Omit<WorkerStart, "plans">,
  kernel: Kernel,
  connectSecure?: ConnectSecure,
): Plane {
  return new Plane({
    kernel,
    connectSecure,
    loopSecret: workersSecret(start.controlMemory),
    loopWords: loopWords(start.controlMemory),
    plan: start.plan,
    cache: new Cache(start.cacheMemory, {
      shared: start.workerCount > 1,
      worker: start.worker,
    }),
    counters: countersRow(start.countersMemory, start.worker - FIRST_WORKER),
    metrics: metricsRows(start.metricsMemory, start.worker - FIRST_WORKER),
    hashSeed: start.hashSeed,
    ring: new RingWriter(start.ringMemory),
    configMemory: start.configMemory,
    instance: `instance=${start.instance} worker=${start.worker} version=${VERSION}`,
  });
}

/** What a worker tells while it serves. */
export interface ServeEvents {
  /** All sockets are open; these are their ports. */
  readonly onReady: (ports: readonly number[]) => void;
  /** There are records for the control plane, and it does not know yet. */
  readonly onRecords: () => void;
  /** The next plan that was sent to this worker, oldest first; null when there is none. */
  readonly takePlan: () => PlanMessage | null;
  /** The plan with that number is in effect; these are the ports of its listeners. */
  readonly onAdopted: (number: number, ports: readonly number[]) => void;
  /** It is not, and the one before goes on: why. */
  readonly onRefused: (number: number, message: string) => void;
  /** A connection to an upstream by TLS is wanted. */
  readonly onSecure: ConnectSecure;
}

/**
 * Serves until the control plane asks to stop.
 *
 * @throws {SysError} when a socket cannot be had.
 */
export function serve(start: WorkerStart, kernel: Kernel, events: ServeEvents): void {
  const control = new Int32Array(start.controlMemory);
  if (start.cacheMemory.byteLength >= HUGE_PAGES_BYTES_MIN) {
    kernel.adviseHugePages(start.cacheMemory);
  }
  const loop = new Loop(createPlane(start, kernel, events.onSecure));
  const { plane } = loop;
  events.onReady(loop.open());
  let warmUp = WarmUp.create(kernel, start.hashSeed);
  let seenStage = 0;
  // Not what is announced by now: a plan may have come as soon as we were ready.
  let seenPlans = 0;
  for (;;) {
    const stage = requestedStage(control);
    if (stage === STAGE_STOP) break;
    if (stage !== seenStage) {
      seenStage = stage;
      if (stage === STAGE_HAND_OVER) letGoOfAll(plane);
      endIdle(loop);
    }
    if (announcedPlans(control, start.worker) !== seenPlans) {
      seenPlans = adoptNext(loop, events, seenPlans);
    }
    const ready = loop.turn(warmUp === null ? SLEEP_MS_MAX : 0);
    if (plane.ring.shouldCall()) events.onRecords();
    // Only when nobody waits: a step after every turn would let queries come faster than they go,
    // on a machine that is busy, and traffic makes code hot as well.
    if (warmUp !== null && ready === 0 && !warmUp.step(WARM_UP_STEP_MS)) {
      warmUp = null;
      // What compilers leave behind; some 10 MB.
      collectGarbage();
      kernel.trimHeap();
      kernel.dropFilePages();
    }
  }
  warmUp?.close();
  finishUp(loop, kernel.monotonicMs() + STOP_GRACE_MS);
  loop.close();
}

/**
 * Takes over the next plan that has come, if one has.
 *
 * @returns how many plans the worker has seen.
 */
function adoptNext(loop: Loop, events: ServeEvents, seen: number): number {
  const message = events.takePlan();
  if (message === null) return seen;
  const { number, plan } = message;
  try {
    events.onAdopted(number, loop.adopt(plan));
  } catch (error) {
    // Half of the plan is in effect: a bug, which no message mends.
    if (loop.plane.plan === plan) throw error;
    events.onRefused(number, (error as Error).message);
  }
  return number;
}

/**
 * Ends connections by TCP as soon as they wait for nothing: with an address that is not ours any
 * more, what is sent on them goes to somebody who does not know them.
 */
function endIdle(loop: Loop): void {
  // What has come in by now is answered.
  loop.turn(0);
  finishAllTcp(loop.plane);
}

/**
 * Answers what has been sent to us already: what waits in the sockets, and what waits for an
 * upstream. Nothing new comes: the addresses are not ours any more, or others answer by them.
 */
function finishUp(loop: Loop, deadlineMs: number): void {
  const { plane } = loop;
  letGoOfAll(plane);
  endIdle(loop);
  while (plane.kernel.monotonicMs() < deadlineMs) {
    const isWaiting = plane.pending.usedCount > 0;
    const ready = loop.turn(isWaiting ? SLEEP_MS_MAX : 0);
    if (ready === 0 && !isWaiting) return;
  }
}

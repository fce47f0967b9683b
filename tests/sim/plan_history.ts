/**
 * Which configuration was in effect when, and what it says about a name or an upstream: what the
 * simulation of reloads judges answers by. Written from the meaning of a plan, not from the code
 * that follows it.
 */

import type { Plan, ViewPlan } from "../../src/handoff/plan.ts";

/** Its deadline, with the paths to client and upstream. */
const QUESTION_MS_MAX = 4600;
const LONGEST = 6;

interface Era {
  readonly plan: Plan;
  readonly sinceMs: number;
}

/** A span of time. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export class PlanHistory {
  readonly #eras: Era[] = [];

  add(plan: Plan, sinceMs: number): void {
    this.#eras.push({ plan, sinceMs });
  }

  /** The newest one has never been in effect. */
  takeBack(): void {
    this.#eras.pop();
  }

  /** Plans that were in effect at some time in `span`. */
  during({ fromMs, toMs }: Span): Plan[] {
    return this.#eras.flatMap(({ plan, sinceMs }, index) => {
      const untilMs = this.#eras[index + 1]?.sinceMs ?? Number.POSITIVE_INFINITY;
      return sinceMs <= toMs && untilMs >= fromMs ? [plan] : [];
    });
  }

  /** The longest that a question may take which is asked or under way at `atMs`. */
  questionMsMax(atMs: number): number {
    const span = { fromMs: atMs - LONGEST * QUESTION_MS_MAX, toMs: atMs };
    const views = this.during(span).flatMap((plan) => plan.views);
    const has = (wanted: string) =>
      views.some(({ plugins }) => plugins.some(({ plugin }) => plugin === wanted));
    // Questions that plugins ask one after the other.
    return QUESTION_MS_MAX * (has("dns64") ? 2 : 1) * (has("autopath") ? 3 : 1);
  }

  /** Server blocks that `name` belonged to at `address`; null where it belonged to none. */
  viewsOf(name: string, address: string, span: Span): (ViewPlan | null)[] {
    return this.during(span).map((plan) => viewOf(plan, name, address));
  }

  /** Ids of the server blocks that had the upstream. */
  viewsWith(upstream: string, span: Span): Set<number> {
    const views = this.during(span).flatMap((plan) => plan.views);
    const has = ({ forwards }: ViewPlan) =>
      forwards.some(({ upstreams }) => upstreams.some(({ address }) => address === upstream));
    return new Set(views.filter(has).map(({ id }) => id));
  }
}

/** Whether `plan` listens at `address`, port 53. */
export function listensAt(plan: Plan, address: string): boolean {
  return plan.listeners.some((one) => one.address === address && one.port === 53);
}

function viewOf(plan: Plan, name: string, address: string): ViewPlan | null {
  const listener = plan.listeners.find((one) => one.address === address && one.port === 53);
  const zones = (listener?.zones ?? []).filter(
    ({ zone }) => zone === "." || name === zone || name.endsWith(`.${zone}`),
  );
  const longest = zones.sort((one, other) => other.zone.length - one.zone.length)[0];
  return plan.views.find(({ id }) => id === longest?.view) ?? null;
}

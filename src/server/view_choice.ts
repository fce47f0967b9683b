/**
 * Which of several server blocks for one zone a query goes to, where they have conditions (`view`).
 *
 * The router finds the first block of the longest zone. Behind a scope whose condition is not met
 * comes the next block of its zone, behind the last one the first block of the next shorter zone:
 *
 *   example.org (view a) → example.org (view b) → example.org → org → nothing
 */

import type { Plan, ZoneRoute } from "../handoff/plan.ts";
import type { Condition } from "../plugins/view/expression.ts";
import { isBelow, nameToWire } from "../wire/name.ts";
import type { Plane } from "./plane.ts";
import { PlaneFacts } from "./plane_facts.ts";
import { NO_SCOPE } from "./zone_router.ts";

export class ViewChoice {
  /** By scope. */
  readonly #conditions: readonly (readonly Condition[] | null)[];
  readonly #fallbacks: ReadonlyMap<number, number>;
  readonly #facts: PlaneFacts;

  /** For the plan that `plane` has taken over the server blocks of. */
  constructor(plane: Plane, { listeners }: Plan) {
    const conditions: (readonly Condition[] | null)[] = [];
    for (const { scope, view } of listeners.flatMap(({ zones }) => zones)) {
      conditions[scope] = plane.views[view]?.conditions ?? null;
    }
    this.#conditions = conditions;
    this.#fallbacks = new Map(listeners.flatMap(({ zones }) => fallbacksOf(zones)));
    this.#facts = new PlaneFacts(plane);
  }

  /** The scope that takes `plane.query`, when the router has found `scope`; NO_SCOPE if none. */
  choose(scope: number): number {
    let chosen = scope;
    while (chosen !== NO_SCOPE && !this.#accepts(chosen)) {
      chosen = this.#fallbacks.get(chosen) ?? NO_SCOPE;
    }
    return chosen;
  }

  #accepts(scope: number): boolean {
    return this.#conditions[scope]?.every((condition) => condition(this.#facts)) ?? true;
  }
}

/** The first block of each zone, which are those that a router has to know. */
export function firstOfZones(routes: readonly ZoneRoute[]): ZoneRoute[] {
  return routes.filter(
    ({ zone }, index) => routes.findIndex((other) => other.zone === zone) === index,
  );
}

/** For each scope, the one that comes behind it. */
function fallbacksOf(routes: readonly ZoneRoute[]): [scope: number, fallback: number][] {
  const firsts = firstOfZones(routes).map((route) => ({ ...route, wire: nameToWire(route.zone) }));
  // Longest first: the first of those above a zone is the nearest.
  firsts.sort((one, other) => other.wire.length - one.wire.length);
  return routes.map(({ zone, scope }, index) => {
    const next = routes.find((other, position) => position > index && other.zone === zone);
    const wire = nameToWire(zone);
    const above = firsts.find(
      (other) => other.zone !== zone && isBelow(other.wire, wire, wire.length),
    );
    return [scope, (next ?? above)?.scope ?? NO_SCOPE];
  });
}

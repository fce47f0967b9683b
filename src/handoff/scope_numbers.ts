/**
 * Numbers for *scopes*. A scope is a zone that a listener answers: what the labels `server`, `zone`
 * and `view` of a metric name. Workers count by the number; whoever writes the metrics knows the
 * labels.
 *
 * A number, once given, stays the same for the life of the process, whatever is reloaded: counters
 * go on where they were. There are SCOPES_MAX of them. Scopes beyond are told apart by the plan
 * they are in, which routes by them, but they are counted together, in the row SCOPE_OVERFLOW.
 */

import { SCOPES_MAX } from "../limits.ts";

/** What no zone takes has a scope per listener, with this in place of a zone, as in CoreDNS. */
export const ZONE_DROPPED = "dropped";
/** The row of all scopes that have none of their own. */
export const SCOPE_OVERFLOW = SCOPES_MAX;

export interface ScopeLabels {
  /** `dns://192.0.2.1:53`; without an address where a block is not bound to one. */
  readonly server: string;
  /** With its final dot, or ZONE_DROPPED. */
  readonly zone: string;
  /** Name of the `view` of the block; empty without one. */
  readonly view: string;
}

/** The row that scope number `scope` is counted in. */
export function scopeRow(scope: number): number {
  return scope < SCOPES_MAX ? scope : SCOPE_OVERFLOW;
}

export class ScopeNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #labels: ScopeLabels[] = [];
  readonly #overflow = new Map<string, number>();

  /** Labels of the scopes that have rows of their own, by number. */
  get labels(): readonly ScopeLabels[] {
    return this.#labels;
  }

  /** How many scopes of the newest plan are counted together. */
  get overflowCount(): number {
    return this.#overflow.size;
  }

  /** To be called before a plan is made: only one plan at a time uses numbers beyond SCOPES_MAX. */
  beginPlan(): void {
    this.#overflow.clear();
  }

  numberOf(labels: ScopeLabels): number {
    const key = `${labels.server} ${labels.zone} ${labels.view}`;
    const known = this.#numbers.get(key) ?? this.#overflow.get(key);
    if (known !== undefined) return known;
    const isFull = this.#labels.length === SCOPES_MAX;
    const number = SCOPES_MAX + this.#overflow.size;
    if (isFull) this.#overflow.set(key, number);
    else this.#numbers.set(key, this.#labels.push(labels) - 1);
    return isFull ? number : this.#labels.length - 1;
  }
}

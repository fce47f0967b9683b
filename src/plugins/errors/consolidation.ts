/**
 * What `consolidate` does: errors that look alike are counted, and said once in a while.
 *
 * Lives in the control plane, which sees the errors of all workers. A period begins with its first
 * error; what was counted before a change of the configuration is still said at its end.
 */

import type { ConsolidatePlan, LogLevel, ViewPlan } from "../../handoff/plan.ts";
import { GoRegexp } from "../go_regexp.ts";

/** A line of the log, without the plugin's name. */
export interface ConsolidationLine {
  readonly level: LogLevel;
  readonly text: string;
}

export interface ErrorLine {
  /** As it is logged when nothing takes it. */
  readonly line: string;
  /** What patterns look at. */
  readonly error: string;
}

/** Calls back once, after `ms`. @returns what takes that back. */
export type StartTimer = (ms: number, callback: () => void) => () => void;

interface Count {
  readonly plan: ConsolidatePlan;
  readonly cancel: () => void;
  count: number;
}

export class Consolidation {
  /** Those of a period that is not over, by server block and pattern. */
  readonly #counts = new Map<string, Count>();
  readonly #regexps = new WeakMap<ConsolidatePlan, GoRegexp>();
  readonly #print: (line: ConsolidationLine) => void;
  readonly #startTimer: StartTimer;
  #isStopped = false;

  /** @param print prints a line that is due. */
  constructor(print: (line: ConsolidationLine) => void, startTimer: StartTimer) {
    this.#print = print;
    this.#startTimer = startTimer;
  }

  /** One error of `view`. @returns what is to be said at once. */
  take(view: Pick<ViewPlan, "id" | "consolidate">, { line, error }: ErrorLine) {
    const plan = view.consolidate.find((one) => this.#regexpOf(one).test(error));
    if (plan === undefined || this.#isStopped) return [{ level: "error", text: line } as const];
    const key = `${view.id} ${JSON.stringify(plan)}`;
    const known = this.#counts.get(key);
    if (known !== undefined) {
      known.count += 1;
      return [];
    }
    const cancel = this.#startTimer(plan.periodMs, () => this.#end(key));
    this.#counts.set(key, { plan, cancel, count: 1 });
    return plan.showFirst ? [{ level: plan.level, text: line }] : [];
  }

  /** @returns what has been counted so far. From now on nothing is. */
  stop(): ConsolidationLine[] {
    this.#isStopped = true;
    const counts = [...this.#counts.values()];
    this.#counts.clear();
    for (const { cancel } of counts) cancel();
    return counts.flatMap(summaryOf);
  }

  #end(key: string): void {
    const count = this.#counts.get(key)!;
    this.#counts.delete(key);
    for (const line of summaryOf(count)) this.#print(line);
  }

  #regexpOf(plan: ConsolidatePlan): GoRegexp {
    const known = this.#regexps.get(plan) ?? new GoRegexp(plan.pattern);
    this.#regexps.set(plan, known);
    return known;
  }
}

/** As CoreDNS words it; nothing where the one error has been said already. */
function summaryOf({ plan, count }: Count): ConsolidationLine[] {
  if (plan.showFirst && count === 1) return [];
  const period = goDuration(plan.periodMs);
  const text = `${count} errors like '${plan.pattern}' occurred in last ${period}`;
  return [{ level: plan.level, text }];
}

/** `30s`, `5m0s`, `1h0m0s`, `1.5s`, `250ms`: as Go prints a duration of at least a millisecond. */
export function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${(ms % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

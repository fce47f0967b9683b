/**
 * Keeps our iptables rules as they are wanted: looks, plans, and changes what differs.
 *
 * Families are handled side by side, each with one look per table and at most one change. Calls of
 * one instance follow each other; two processes may still add the same rule at once, and the next
 * look of either mends that.
 */

import {
  type Backend,
  detectBackend,
  installedBackends,
  type Machine,
  systemMachine,
} from "./iptables_backend.ts";
import {
  applyPlan,
  type Caller,
  FamilyAbsentError,
  RefusedError,
  readRules,
} from "./iptables_calls.ts";
import { isOurs, mentionsUs, type SavedRule } from "./iptables_text.ts";
import { planRules, type RulePlan } from "./plan_rules.ts";
import type { Rule } from "./rule.ts";
import type { Family } from "./settings.ts";

export interface IptablesOptions {
  /** @default {systemMachine} */
  readonly machine?: Machine;
  /** @default {5} */
  readonly lockWaitSec?: number;
  /** @default {10_000} */
  readonly timeoutMs?: number;
}

/** What to look at. */
export interface Scope {
  readonly families: readonly Family[];
  /** nat of a big cluster is long, and its dump slow. */
  readonly withNat: boolean;
}

export interface ReconcileOptions {
  /** Where to look, too. */
  readonly scope?: Scope;
  /** Rules of ours that are left as they are, wanted or not. */
  readonly isSpared?: (rule: SavedRule) => boolean;
}

export const EVERYTHING: Scope = { families: [4, 6], withNat: true };

/** Looks and changes when rules change between the two. */
const TRIES = 3;

export class Iptables {
  readonly #machine: Machine;
  readonly #lockWaitSec: number;
  readonly #timeoutMs: number;
  /** What this instance has dealt with, and so must look at when it wants nothing any more. */
  readonly #families = new Set<Family>();
  #withNat = false;
  #backend: Promise<Backend> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: IptablesOptions = {}) {
    this.#machine = options.machine ?? systemMachine;
    this.#lockWaitSec = options.lockWaitSec ?? 5;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  /**
   * The backend that is used, found at the first call.
   *
   * @throws {NetError} when there is none; it is looked for again then.
   */
  async backend(): Promise<Backend> {
    this.#backend ??= detectBackend(this.#machine);
    try {
      return await this.#backend;
    } catch (error) {
      this.#backend = null;
      throw error;
    }
  }

  /**
   * Our rules that are there, by family and table; a family that the machine lacks has none.
   *
   * @throws {NetError}
   */
  async observe(scope: Scope): Promise<SavedRule[]> {
    const caller = this.#caller(await this.backend());
    const rules = await inParallel(scope.families, async (family) => {
      try {
        return await readOurs(caller, family, scope.withNat);
      } catch (error) {
        if (error instanceof FamilyAbsentError) return [];
        throw error;
      }
    });
    return rules.flat();
  }

  /**
   * Makes our rules those of `desired`, and returns what it found to do. Looks only where `desired`
   * or an earlier call has rules, unless `scope` asks for more. Safe to repeat after any failure.
   *
   * @throws {NetError} `iptables_lock` when others hold the lock for too long, else `iptables`.
   */
  reconcile(desired: readonly Rule[], options: ReconcileOptions = {}): Promise<RulePlan> {
    return this.#inTurn(() => this.#reconcile(desired, options));
  }

  /**
   * Removes what earlier processes left where `reconcile` does not look: in nat, in the other
   * family, in the other backend. Once after a start, when there is time.
   *
   * @throws {NetError}
   */
  sweep(desired: readonly Rule[]): Promise<RulePlan> {
    return this.#inTurn(async () => {
      const own = await this.#reconcile(desired, { scope: EVERYTHING });
      const used = await this.backend();
      const others = installedBackends(this.#machine).filter(({ name }) => name !== used.name);
      const plans = await inParallel(others, (other) => {
        const wishes = EVERYTHING.families.map((family) => ({
          family,
          desired: [],
          withNat: true,
        }));
        return fulfil(this.#caller(other), wishes);
      });
      return joinPlans([own, ...plans]);
    });
  }

  async #reconcile(desired: readonly Rule[], options: ReconcileOptions): Promise<RulePlan> {
    const { scope, isSpared } = options;
    for (const { family } of desired) this.#families.add(family);
    this.#withNat ||= desired.some(({ table }) => table === "nat");
    const families = new Set([...this.#families, ...(scope?.families ?? [])]);
    const withNat = this.#withNat || (scope?.withNat ?? false);
    const caller = this.#caller(await this.backend());
    const wishes = [...families].map((family) => ({
      family,
      desired: desired.filter((rule) => rule.family === family),
      withNat,
      isSpared,
    }));
    return await fulfil(caller, wishes);
  }

  #caller(backend: Backend): Caller {
    return {
      machine: this.#machine,
      backend,
      lockWaitSec: this.#lockWaitSec,
      timeoutMs: this.#timeoutMs,
    };
  }

  /** Two looks before either's change would add the same rule twice. */
  #inTurn<Value>(action: () => Promise<Value>): Promise<Value> {
    const result = this.#last.then(action, action);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** What shall be in one family. */
interface Wish {
  readonly family: Family;
  readonly desired: readonly Rule[];
  readonly withNat: boolean;
  readonly isSpared?: ReconcileOptions["isSpared"];
}

/**
 * All look before any changes something: an iptables-nft that ends waits for the kernel to be done
 * with what another has just removed, some 15 ms.
 */
async function fulfil(caller: Caller, wishes: readonly Wish[]): Promise<RulePlan> {
  const looks = await Promise.allSettled(wishes.map((wish) => makePlan(caller, wish)));
  const plans = await inParallel(looks, async (look, index) => {
    if (look.status === "rejected") throw look.reason;
    await carryOut(caller, wishes[index], look.value);
    return look.value;
  });
  return joinPlans(plans);
}

async function makePlan(caller: Caller, wish: Wish): Promise<RulePlan> {
  try {
    const ours = await readOurs(caller, wish.family, wish.withNat);
    const { isSpared = () => false } = wish;
    return planRules(
      wish.desired,
      ours.filter((rule) => !isSpared(rule)),
    );
  } catch (error) {
    if (error instanceof FamilyAbsentError && wish.desired.length === 0) return joinPlans([]);
    throw error;
  }
}

async function carryOut(caller: Caller, wish: Wish, first: RulePlan): Promise<void> {
  let plan = first;
  for (let triesLeft = TRIES; ; triesLeft -= 1) {
    try {
      return await applyPlan(caller, wish.family, plan);
    } catch (error) {
      if (!(error instanceof RefusedError) || triesLeft === 1) throw error;
    }
    plan = await makePlan(caller, wish);
  }
}

async function readOurs(caller: Caller, family: Family, withNat: boolean): Promise<SavedRule[]> {
  const tables = withNat ? ["raw", "filter", "nat"] : ["raw", "filter"];
  const rules = await readRules(caller, family, { tables, isWanted: mentionsUs });
  return rules.filter(isOurs);
}

function joinPlans(plans: readonly RulePlan[]): RulePlan {
  return {
    add: plans.flatMap(({ add }) => add),
    remove: plans.flatMap(({ remove }) => remove),
  };
}

/** All run to their end, so that nothing goes on behind the back of whoever sees the error. */
async function inParallel<Item, Value>(
  items: readonly Item[],
  action: (item: Item, index: number) => Promise<Value>,
): Promise<Value[]> {
  const results = await Promise.allSettled(items.map(action));
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

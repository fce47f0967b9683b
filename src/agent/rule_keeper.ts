/** Which iptables rules there should be, and the program that makes it so: for interception.ts. */

import { desiredRules } from "../net/desired_rules.ts";
import { Iptables, type ReconcileOptions } from "../net/iptables.ts";
import { legacyTables, systemMachine } from "../net/iptables_backend.ts";
import type { Rule } from "../net/rule.ts";
import { addressOf } from "../net/rule_report.ts";
import { familyOfAddress, type InterceptSettings, type LeaseKind } from "../net/settings.ts";
import type { LegacyTable } from "../net/watch.ts";
import type { FallbackKeeper } from "./fallback_keeper.ts";
import type { InterceptionParts } from "./interception_parts.ts";

type RuleParts = Pick<
  InterceptionParts,
  "desiredRules" | "refresh" | "applyRules" | "removeRules" | "keptRules"
>;

const TABLES = ["raw", "filter", "nat"];

export class RuleKeeper implements RuleParts {
  readonly #settings: InterceptSettings;
  readonly #fallbacks: FallbackKeeper;
  readonly #iptables = new Iptables();
  /** Whether what earlier processes left elsewhere has been removed. */
  #isSwept = false;
  #legacyTables: readonly LegacyTable[] = [];

  constructor(settings: InterceptSettings, fallbacks: FallbackKeeper) {
    this.#settings = settings;
    this.#fallbacks = fallbacks;
  }

  /** Tables of iptables-legacy that hold rules of ours; none where they are in nftables. */
  get legacyTables(): readonly LegacyTable[] {
    return this.#legacyTables;
  }

  desiredRules(lease: LeaseKind): readonly Rule[] {
    const { addresses, port, healthPort, setupIptables } = this.#settings;
    if (!setupIptables) return [];
    const fallbacks = this.#fallbacks.endpoints;
    return desiredRules({ addresses, port, healthPort, lease, fallbacks });
  }

  async refresh(): Promise<void> {
    if (this.#settings.setupIptables) await this.#fallbacks.refresh();
  }

  async applyRules(desired: readonly Rule[]): Promise<number> {
    if (!this.#settings.setupIptables) return 0;
    const isTime = !this.#isSwept && this.#fallbacks.isKnown;
    const { add, remove } = isTime
      ? await this.#iptables.sweep(desired)
      : await this.#iptables.reconcile(desired, this.#spareUnknown(desired));
    this.#isSwept ||= isTime;
    await this.#noteTables();
    return add.length + remove.length;
  }

  async removeRules(keep: readonly Rule[]): Promise<void> {
    const { setupIptables, keepFallback } = this.#settings;
    if (!setupIptables) return;
    await this.#iptables.reconcile(keep, keepFallback ? this.#spareUnknown(keep) : {});
  }

  keptRules(desired: readonly Rule[]): readonly Rule[] {
    return this.#settings.keepFallback ? desired.filter(isFallback) : [];
  }

  /** Fallback rules of an earlier process stay until it is known where they should lead. */
  #spareUnknown(desired: readonly Rule[]): ReconcileOptions {
    if (this.#fallbacks.isKnown) return {};
    const known = new Set(desired.filter(isFallback).map(({ words }) => addressOf(words)));
    return { isSpared: (rule) => isFallback(rule) && !known.has(addressOf(rule.words)) };
  }

  async #noteTables(): Promise<void> {
    if ((await this.#iptables.backend()).name !== "legacy") return;
    const families = new Set(this.#settings.addresses.map(familyOfAddress));
    this.#legacyTables = [...families].flatMap((family) =>
      legacyTables(systemMachine, family)
        .filter((name) => TABLES.includes(name))
        .map((name) => ({ family, name })),
    );
  }
}

function isFallback({ table }: { readonly table: string }): boolean {
  return table === "nat";
}

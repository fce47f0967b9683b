/** From the rules we want and those that are there to the text that makes them equal. Pure. */

import { isOurs, ruleKey, ruleText, type SavedRule } from "./iptables_text.ts";
import type { Rule } from "./rule.ts";

export interface RulePlan {
  readonly add: readonly Rule[];
  readonly remove: readonly SavedRule[];
}

/**
 * What to do: missing rules are added, our own that are double or not wanted are removed. Rules of
 * others are not looked at. Where a rule stands does not count, so that there is no war with other
 * agents that keep theirs at the head, except in nat, where the order of ours is their meaning.
 */
export function planRules(desired: readonly Rule[], observed: readonly SavedRule[]): RulePlan {
  const wanted = byChain(desired);
  const present = byChain(observed.filter(isOurs));
  const add: Rule[] = [];
  const remove: SavedRule[] = [];
  for (const chain of new Set([...wanted.keys(), ...present.keys()])) {
    const plan = planChain(wanted.get(chain) ?? [], present.get(chain) ?? []);
    add.push(...plan.add);
    remove.push(...plan.remove);
  }
  return { add, remove };
}

/**
 * ACCEPT comes before the NOTRACK that makes it needed, and the NOTRACK that hides an address from
 * nat before the DNAT that would take it; what is only taken away goes in the reverse order. (That
 * is also the fast one: iptables-nft loads no more modules after its first removal, each of which
 * would wait 15 ms for the kernel to be done with what was removed.)
 */
const TABLE_ORDER = ["filter", "raw", "nat"];

/**
 * The plan as `iptables-restore --noflush` reads it; empty when there is nothing to do.
 *
 * A table is committed as a whole, so that within it no packet sees a state between. Removals come
 * first there: `-D` takes the first rule that fits, which must not be the one just added. New rules
 * go to the head of their chain, in order.
 */
export function restoreText(plan: RulePlan, options: { explained?: boolean } = {}): string {
  const { explained = false } = options;
  const order = plan.add.length > 0 ? TABLE_ORDER : TABLE_ORDER.toReversed();
  const tables = new Set([...order, ...plan.remove.map(({ table }) => table)]);
  let text = "";
  for (const table of tables) {
    const removals = plan.remove.filter((rule) => rule.table === table);
    const additions = plan.add.filter((rule) => rule.table === table);
    if (removals.length + additions.length === 0) continue;
    text += `*${table}\n`;
    for (const rule of removals) text += `-D ${rule.text}\n`;
    for (const [chain, rules] of Map.groupBy(additions, (rule) => rule.chain)) {
      for (const [index, rule] of rules.entries()) {
        if (explained) text += `# ${rule.reason}\n`;
        text += `-I ${chain} ${index + 1} ${ruleText(rule)}\n`;
      }
    }
    text += "COMMIT\n";
  }
  return text;
}

function byChain<Some extends Rule | SavedRule>(rules: readonly Some[]): Map<string, Some[]> {
  return Map.groupBy(rules, ({ family, table, chain }) => `${family} ${table} ${chain}`);
}

function planChain(desired: readonly Rule[], observed: readonly SavedRule[]): RulePlan {
  const wanted = desired.map(ruleKey);
  const present = observed.map(ruleKey);
  const isNat = (desired[0] ?? observed[0]).table === "nat";
  if (isNat && wanted.join("\n") !== present.join("\n")) {
    // Of several endpoints the last has no share of its own: elsewhere it would take everything.
    return { add: desired, remove: observed };
  }
  return {
    add: desired.filter((_, index) => !present.includes(wanted[index])),
    remove: observed.filter(
      (_, index) => !wanted.includes(present[index]) || present.indexOf(present[index]) !== index,
    ),
  };
}

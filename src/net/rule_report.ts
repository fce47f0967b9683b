/** How the rules that are there differ from those that are wanted, by address. Pure. */

import { canonicalIpAddress } from "../std/ip_address.ts";
import { isOurs, ruleKey, type SavedRule } from "./iptables_text.ts";
import type { Rule } from "./rule.ts";

export interface AddressRules {
  /** Canonical; null for rules that name none. */
  readonly address: string | null;
  /** How many of the wanted rules are there. */
  readonly presentCount: number;
  readonly missing: readonly Rule[];
  /** More than one of a wanted rule: those behind the first. */
  readonly double: readonly SavedRule[];
  /** Ours by their comment, but not wanted. */
  readonly unwanted: readonly SavedRule[];
}

/** Addresses in the order in which `desired` and then `observed` name them. */
export function reportRules(
  desired: readonly Rule[],
  observed: readonly SavedRule[],
): AddressRules[] {
  const wanted = Map.groupBy(desired, ({ words }) => addressOf(words));
  const present = Map.groupBy(observed.filter(isOurs), ({ words }) => addressOf(words));
  const addresses = new Set([...wanted.keys(), ...present.keys()]);
  return [...addresses].map((address) =>
    compare(address, wanted.get(address) ?? [], present.get(address) ?? []),
  );
}

function compare(
  address: string | null,
  desired: readonly Rule[],
  observed: readonly SavedRule[],
): AddressRules {
  const wanted = desired.map(ruleKey);
  const present = observed.map(ruleKey);
  const missing = desired.filter((_, index) => !present.includes(wanted[index]));
  return {
    address,
    presentCount: desired.length - missing.length,
    missing,
    double: observed.filter(
      (_, index) => wanted.includes(present[index]) && present.indexOf(present[index]) !== index,
    ),
    unwanted: observed.filter((_, index) => !wanted.includes(present[index])),
  };
}

/** The address that a rule is about; a rule of ours has it as source or as destination. */
export function addressOf(words: readonly string[]): string | null {
  const at = words.findIndex((word) => word === "-d" || word === "-s");
  const [host] = (at < 0 ? "" : (words[at + 1] ?? "")).split("/");
  return canonicalIpAddress(host);
}

/** An iptables rule as a value. */

import type { Family } from "./settings.ts";

export type Table = "raw" | "filter" | "nat";
export type Chain = "PREROUTING" | "INPUT" | "OUTPUT";

/** Every comment of ours begins with this: it is how our rules are told from others'. */
export const COMMENT_TAG = "nodens: ";

export interface Rule {
  readonly family: Family;
  readonly table: Table;
  readonly chain: Chain;
  /**
   * Matches and target as iptables takes them, without table, chain and comment:
   * `["-d", "192.0.2.1/32", "-p", "udp", "-m", "udp", "--dport", "53", "-j", "NOTRACK"]`.
   */
  readonly words: readonly string[];
  /** What stands behind COMMENT_TAG. Letters, digits, spaces and `,.:-` only. */
  readonly comment: string;
  /** Why the rule is there, for people: a sentence without its full stop. */
  readonly reason: string;
}

/** Rules that node-cache leaves behind, to be known again. Pure. */

import { desiredRules } from "./desired_rules.ts";
import { ruleKey, type SavedRule } from "./iptables_text.ts";

/** Its comments begin with this since 2023. */
export const NODE_CACHE_TAG = "NodeLocal DNS Cache: ";

/**
 * Tells whether a rule is one of node-cache, or of its kin from before there were comments. Those
 * are known by their shape: twelve for an address, as ours are without the conditions that the
 * address is local and the packet on its way to it.
 */
export function nodeCacheRules(input: {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly healthPort: number;
}): (rule: SavedRule) => boolean {
  const ours = desiredRules({ ...input, lease: "none", fallbacks: new Map() });
  const keys = new Set(ours.map((rule) => ruleKey({ ...rule, words: unbound(rule.words) })));
  return (rule) =>
    rule.comment === null ? keys.has(ruleKey(rule)) : rule.comment.startsWith(NODE_CACHE_TAG);
}

function unbound(words: readonly string[]): string[] {
  const type = words.indexOf("addrtype");
  const rest = type < 0 ? [...words] : words.toSpliced(type - 1, 4);
  const link = rest.indexOf("-o");
  return link < 0 ? rest : rest.toSpliced(link, 2);
}

/** `nodens rules`: the iptables rules that interception needs, as iptables-restore reads them. */

import { desiredRules } from "../net/desired_rules.ts";
import { isLinkLocal } from "../net/fallback.ts";
import { restoreText } from "../net/plan_rules.ts";
import type { Family } from "../net/settings.ts";
import type { RulesOptions } from "./rules_flags.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_STOPPED } from "./usage_error.ts";

/** Prints one text per family, each rule under its reason. */
export function rulesCommand(options: RulesOptions, terminal: Terminal): number {
  const linkLocal = options.addresses.filter(isLinkLocal);
  const fallbacks = new Map(linkLocal.map((address) => [address, options.fallback]));
  const rules = desiredRules({ ...options, fallbacks });
  const texts = ([4, 6] as const).flatMap((family) => {
    const add = rules.filter((rule) => rule.family === family);
    if (add.length === 0) return [];
    const text = restoreText({ add, remove: [] }, { explained: true });
    return [`${heading(family, options)}\n${text.trimEnd()}`];
  });
  terminal.out(texts.join("\n\n"));
  return EXIT_STOPPED;
}

function heading(family: Family, { lease, fallback, addresses }: RulesOptions): string {
  const program = `ip${family === 4 ? "" : "6"}tables-restore --noflush`;
  const lines = [`Rules of the lease ${lease}, for ${program}`];
  if (lease === "nft") {
    lines.push("queries are left untracked by a table of nftables that belongs to the process");
  }
  if (fallback.length > 0 && !addresses.some(isLinkLocal)) {
    lines.push("no address is link-local, and others are taken for those of Services: no DNAT");
  }
  return lines.map((line) => `# ${line}`).join("\n");
}

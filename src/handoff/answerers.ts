/**
 * Who answered, as a small number: the label `plugin` of what is counted. The list is part of the
 * layout of shared memory; a name that is not in it is counted as the empty one, which stands for
 * errors that no plugin wrote (nobody answered in time, no zone takes the query), as in CoreDNS.
 */

export const ANSWERERS: readonly string[] = [
  ...["", "cache", "forward", "template", "hosts", "whoami", "any", "chaos", "acl", "local"],
  ...["dns64", "rewrite", "autopath", "nsid", "loop", "minimal", "header", "loadbalance", "errors"],
  ...["cancel", "erratic", "metadata", "filter_aaaa", "search_cut"],
];

export const ANSWERED_BY_NONE = 0;
export const ANSWERED_BY_CACHE = 1;
export const ANSWERED_BY_FORWARD = 2;

/** The number of a plugin, by its directive. */
export function answererOf(plugin: string): number {
  return Math.max(ANSWERED_BY_NONE, ANSWERERS.indexOf(plugin));
}

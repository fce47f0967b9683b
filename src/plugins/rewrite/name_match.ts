/** Names that a rule is for, and what it makes of them. Names are text with a dot at their end. */

import { GoRegexp } from "../go_regexp.ts";
import type { NameMatchSettings } from "./settings.ts";

export interface NameMatch {
  fits(name: string): boolean;
  /** What `name` becomes when what has matched is replaced by `to`; null when it does not fit. */
  replace(name: string, to: string): string | null;
}

export function createNameMatch({ kind, from }: NameMatchSettings): NameMatch {
  switch (kind) {
    case "exact":
      return { fits: (name) => name === from, replace: (name, to) => (name === from ? to : null) };
    case "prefix":
      return {
        fits: (name) => name.startsWith(from),
        replace: (name, to) => (name.startsWith(from) ? to + name.slice(from.length) : null),
      };
    case "suffix":
      return {
        fits: (name) => name.endsWith(from),
        replace: (name, to) =>
          name.endsWith(from) ? name.slice(0, name.length - from.length) + to : null,
      };
    case "substring":
      return {
        fits: (name) => name.includes(from),
        replace: (name, to) => (name.includes(from) ? name.split(from).join(to) : null),
      };
    case "regex": {
      const regexp = new GoRegexp(from);
      return {
        fits: (name) => regexp.test(name),
        replace: (name, to) => replaceWhole(regexp, name, to),
      };
    }
  }
}

/** As `rewrite` has it: the whole name gives way, though only a part of it may have matched. */
export function replaceWhole(regexp: GoRegexp, name: string, to: string): string | null {
  const groups = regexp.match(name);
  if (groups === null) return null;
  return to.replace(/\{([0-9]+)\}/g, (reference, digits) => groups[Number(digits)] ?? reference);
}

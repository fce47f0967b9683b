/**
 * `{%NAME%}` and `{$NAME}` in Corefile tokens, replaced by environment variables.
 *
 * The first form is replaced before the second. An unset variable is the empty string; `{$}` stays
 * as it is. A value that holds references is expanded again, up to a bound.
 */

import { ENV_REPLACEMENTS_MAX, TOKEN_LENGTH_MAX } from "./limits.ts";

/** Value of a variable, `undefined` when it is not set. */
export type Environment = (name: string) => string | undefined;

export interface Expansion {
  readonly text: string;
  /** Variables that were asked for and are not set. */
  readonly unset: readonly string[];
  /** A value refers to itself, or the text grew out of bounds; `text` is then useless. */
  readonly endless: boolean;
}

/** Replaces all references in `text`. */
export function expandEnvironment(text: string, environment: Environment): Expansion {
  if (!text.includes("{%") && !text.includes("{$")) return { text, unset: [], endless: false };
  const unset: string[] = [];
  const first = replaceReferences(text, "{%", "%}", environment, unset);
  if (first === null) return { text, unset, endless: true };
  const second = replaceReferences(first, "{$", "}", environment, unset);
  return { text: second ?? text, unset, endless: second === null };
}

function replaceReferences(
  text: string,
  open: string,
  close: string,
  environment: Environment,
  unset: string[],
): string | null {
  let result = text;
  for (let count = 0; count <= ENV_REPLACEMENTS_MAX; count += 1) {
    const start = result.indexOf(open);
    const end = start < 0 ? -1 : result.indexOf(close, start);
    // An empty name ends the search, also for references after it: CoreDNS does the same.
    if (end <= start + open.length) return result;
    const name = result.slice(start + open.length, end);
    const value = environment(name);
    if (value === undefined && !unset.includes(name)) unset.push(name);
    result = result.replaceAll(result.slice(start, end + close.length), () => value ?? "");
    if (result.length > TOKEN_LENGTH_MAX) return null;
  }
  return null;
}

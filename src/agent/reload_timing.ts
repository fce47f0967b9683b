/** When a change of the configuration is looked at. */

import { followsFiles } from "../config/compile.ts";
import type { Config } from "../config/config.ts";

export interface ReloadTiming {
  /** From the moment at which it is noticed. */
  readonly intervalMs: number;
  /** At random between 0 and this on top. */
  readonly jitterMs: number;
  /** Nobody has asked for the Corefile to be followed, only for files that plugins have read. */
  readonly isForFilesOnly: boolean;
}

const AT_ONCE: ReloadTiming = { intervalMs: 0, jitterMs: 0, isForFilesOnly: false };
const FILES_AT_ONCE: ReloadTiming = { ...AT_ONCE, isForFilesOnly: true };
/** What `reload` means in CoreDNS without arguments: written so, nobody has asked for a delay. */
const DEFAULT_INTERVAL_MS = 30_000;

/** What makes somebody other than the operator at the machine change the configuration. */
export interface ReloadCircumstances {
  /** A mounted ConfigMap or a template: changes are looked at even without `reload`. */
  readonly isManaged: boolean;
  /** `-reloadwithsignal`, with a template: whatever interval `reload` names. */
  readonly isAtOnce: boolean;
}

/**
 * Nobody loses anything by a change here, so it is looked at as soon as it is noticed, unless a
 * `reload` names an interval. Of several, the shortest counts: all server blocks change together.
 *
 * @returns null when changes are only looked at when a signal asks for it, as in CoreDNS.
 */
export function reloadTiming(
  config: Config,
  { isManaged, isAtOnce }: ReloadCircumstances,
): ReloadTiming | null {
  const timings = config.servers.flatMap(({ plugins }) => plugins.reload ?? []);
  if (isAtOnce) return AT_ONCE;
  if (timings.length === 0 && isManaged) return AT_ONCE;
  if (timings.length === 0) return followsFiles(config) ? FILES_AT_ONCE : null;
  const shortest = timings.reduce((one, other) =>
    other.intervalMs < one.intervalMs ? other : one,
  );
  return shortest.intervalMs === DEFAULT_INTERVAL_MS
    ? AT_ONCE
    : { ...shortest, isForFilesOnly: false };
}

/** How many threads answer queries. */

import type { Config } from "../config/config.ts";
import type { RunOptions } from "../config/run_options.ts";

/** As for `-workers`. */
const WORKERS_MAX = 64;

/**
 * What `-workers` says; without it, the most that a `multisocket` of the configuration asks for.
 *
 * @param processors of the machine.
 */
export function workerCount(
  { workers }: Pick<RunOptions, "workers">,
  { servers }: Config,
  processors: number,
): number {
  if (workers !== null) return workers === "auto" ? processors : workers;
  const wanted = servers.flatMap(({ plugins }) => plugins.multisocket ?? []);
  return Math.min(Math.max(1, ...wanted.map(({ count }) => count ?? processors)), WORKERS_MAX);
}

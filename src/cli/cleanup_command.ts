/** `nodens cleanup`: removes what nodens or node-cache have left on a node. */

import { NetError } from "../net/lease.ts";
import { findLeftovers, type LeftoverTools, systemTools } from "../net/leftovers.ts";
import type { CleanupOptions } from "./cleanup_flags.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_FAILED, EXIT_STOPPED } from "./usage_error.ts";

/**
 * Prints a line for each thing; returns 0 when nothing is left and 1 otherwise, after a dry run
 * too.
 */
export async function cleanupCommand(
  options: CleanupOptions,
  terminal: Terminal,
  tools: LeftoverTools = systemTools(),
): Promise<number> {
  const { dryRun, force } = options;
  const { groups, users } = await findLeftovers(options, tools);
  if (users.length > 0 && !force && !dryRun) {
    const wayOut = "stop it first, or use -force";
    terminal.error(`nodens: Cannot clean up: ${users.join(", ")}: ${wayOut}`);
    return EXIT_FAILED;
  }
  for (const { things, keptBecause, remove } of groups) {
    let done = "removed";
    if (keptBecause !== null) done = "kept";
    else if (dryRun) done = "would remove";
    else if (!(await tryTo(remove, terminal))) continue;
    const why = keptBecause === null ? "" : `: ${keptBecause}`;
    for (const thing of things) terminal.out(`${done} ${thing}${why}`);
  }
  for (const user of users) terminal.out(`in use: ${user}`);
  const left = dryRun ? groups : (await findLeftovers(options, tools)).groups;
  if (groups.length === 0) terminal.out("nothing of nodens or node-cache is left");
  return left.length === 0 ? EXIT_STOPPED : EXIT_FAILED;
}

/** One thing that cannot be removed is no reason to leave the others. */
async function tryTo(remove: () => Promise<void>, terminal: Terminal): Promise<boolean> {
  try {
    await remove();
    return true;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    terminal.error(`nodens: ${error.message}`);
    return false;
  }
}

/** Waiting for a condition instead of for a time. */

import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 5;
const TIMEOUT_MS = 10_000;

/** Asks `condition` until it holds. @throws {Error} "Never happened: what" after `timeoutMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Never happened: ${what}`);
    await delay(POLL_MS);
  }
}

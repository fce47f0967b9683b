/**
 * To be loaded by `node --import` before nodens, as source: a worker spins for ever as soon as the
 * file that `SPIN_FILE` names is there. The one that removes it, and only that one: its successor
 * finds none.
 */

import { existsSync, unlinkSync } from "node:fs";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { Loop } from "../../../src/server/loop.ts";

export const SPIN_FILE_VARIABLE = "SPIN_FILE";

function isTaken(file: string): boolean {
  if (!existsSync(file)) return false;
  try {
    unlinkSync(file);
    return true;
  } catch {
    // Another worker was faster.
    return false;
  }
}

const file = process.env[SPIN_FILE_VARIABLE];
if (!isMainThread && file !== undefined) {
  const { turn } = Loop.prototype;
  Loop.prototype.turn = function (this: Loop, sleepMs?: number): number {
    while (isTaken(file)) for (;;);
    return turn.call(this, sleepMs);
  };
}

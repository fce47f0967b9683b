/** Puts interception together from its parts: see interception.ts for what it then does. */

import type { RunOptions } from "../config/run_options.ts";
import type { Plan } from "../handoff/plan.ts";
import type { DataPlane } from "./data_plane.ts";
import type { Interception } from "./interception.ts";

export interface TakeOverOptions {
  readonly options: RunOptions;
  readonly plan: Plan;
  readonly instance: string;
}
export interface TakeOver {
  readonly plan: Plan;
  connect(dataPlane: DataPlane): Interception;
  close(): void;
}
export function createTakeOver(_options: TakeOverOptions): TakeOver {
  throw new Error("Cannot take over addresses: this version cannot yet");
}

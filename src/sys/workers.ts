/**
 * Starts data-plane workers, wherever their code is: an asset of the single executable, or the file
 * `data_main.ts` beside this source.
 */

import process from "node:process";
import { type MessagePort, Worker } from "node:worker_threads";

/** Name of the asset in the executable, see build/sea.ts. */
const WORKER_ASSET = "data_main.js";

/**
 * A worker allocates next to nothing after its start; this is for a leak to show, not to live with.
 */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 2 };

/**
 * Starts one worker.
 *
 * @param start what it finds as its `workerData`, cloned; shared memory stays shared.
 * @param ports in `start` that are the worker's from now on.
 */
export function startWorker(start: object, ports: readonly MessagePort[]): Worker {
  const code = embeddedCode();
  const transferList = [...ports];
  const settings = { workerData: start, transferList, resourceLimits: WORKER_LIMITS };
  if (code !== null) return new Worker(code, { ...settings, eval: true });
  return new Worker(new URL("../data_main.ts", import.meta.url), settings);
}

function embeddedCode(): string | null {
  const sea = process.getBuiltinModule("node:sea");
  return sea?.isSea() === true ? sea.getAsset(WORKER_ASSET, "utf8") : null;
}

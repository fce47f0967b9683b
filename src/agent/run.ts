/** The composition root: reads the configuration, starts the data plane, waits for the end. */

import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { Cache } from "../cache/cache.ts";
import { compilePlan } from "../config/compile.ts";
import { requireConfig } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import type { RunAgent, RunOptions } from "../config/run_options.ts";
import type { Plan } from "../handoff/plan.ts";
import { loggerOf, setUpLogging } from "../log/logger.ts";
import { collectGarbage } from "../sys/collect_garbage.ts";
import { VERSION } from "../version.ts";
import { DataPlane } from "./data_plane.ts";

const EXIT_STOPPED = 0;
const EXIT_FAILED = 1;

/**
 * Runs the server until SIGINT or SIGTERM.
 *
 * @returns the exit code: 0 stopped, 1 failed.
 * @throws {ConfigError} when the Corefile cannot be used.
 */
export const runAgent: RunAgent = async (options) => {
  setUpLogging();
  const logger = loggerOf("agent");
  const { confFile, dnsPort } = options;
  const { config, warnings } = requireConfig({ confFile, dnsPort });
  for (const warning of warnings) logger.warn("{text}", { text: formatProblem(warning) });
  const plan = compilePlan(config, 1);
  const dataPlane = new DataPlane({
    plan,
    cacheMemory: Cache.memoryFor(options.memoryBytes),
    workerCount: workerCount(options),
    hashSeed: randomBytes(4).readInt32LE(0),
  });
  applyCapacities(dataPlane.cacheMemory, plan);
  // Before anybody can see that we are up: who sends a signal then means it.
  const stopped = stopSignal();
  const ports = await dataPlane.start();
  if (ports === null) {
    process.stderr.write(`nodens: ${dataPlane.failure ?? "Cannot start the data plane"}\n`);
    return EXIT_FAILED;
  }
  if (options.pidFile !== null) writeFileSync(options.pidFile, `${process.pid}\n`);
  if (!options.quiet) announce(plan, ports);
  collectGarbage();
  const code = await untilEnd(dataPlane, stopped);
  if (options.pidFile !== null) rmSync(options.pidFile, { force: true });
  return code;
};

function workerCount(options: RunOptions): number {
  return options.workers === "auto" ? availableParallelism() : options.workers;
}

/**
 * `success` and `denial` capacities of the server blocks; a view's number is its place in the plan.
 */
function applyCapacities(cacheMemory: SharedArrayBuffer, plan: Plan): void {
  const cache = new Cache(cacheMemory, { shared: false });
  cache.setViews(
    plan.views.map((view, index) => ({
      view: index,
      successCapacity: view.cache?.success.capacity ?? 0,
      denialCapacity: view.cache?.denial.capacity ?? 0,
    })),
    0,
  );
}

/** One line per zone and address, as CoreDNS does, and one about ourselves. */
function announce(plan: Plan, ports: readonly number[]): void {
  const logger = loggerOf("agent");
  for (const [index, { address, zones }] of plan.listeners.entries()) {
    const where = address.includes(":") ? `[${address}]` : address;
    for (const { zone } of zones) {
      logger.info("{text}", { text: `${zone}:${ports[index]} on ${where}` });
    }
  }
  logger.info("{text}", { text: `nodens ${VERSION}, ${runtime()}, pid ${process.pid}` });
}

function runtime(): string {
  const { deno } = process.versions as { deno?: string };
  return deno === undefined ? `Node ${process.versions.node}` : `Deno ${deno}`;
}

/** Resolves with the name of the first signal that asks us to stop. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve("SIGINT"));
    process.once("SIGTERM", () => resolve("SIGTERM"));
  });
}

/** Waits for a signal, or for the data plane to fail. @returns the exit code. */
async function untilEnd(dataPlane: DataPlane, stopped: Promise<string>): Promise<number> {
  const failed = new Promise<null>((resolve) => {
    dataPlane.onFailure = () => resolve(null);
    if (dataPlane.failure !== null) resolve(null);
  });
  const signal = await Promise.race([stopped, failed]);
  await dataPlane.stop();
  if (signal === null) {
    process.stderr.write(`nodens: ${dataPlane.failure ?? "The data plane has stopped"}\n`);
    return EXIT_FAILED;
  }
  loggerOf("agent").info("{text}", { text: `stopped by ${signal}` });
  return EXIT_STOPPED;
}

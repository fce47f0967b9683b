/** The composition root: reads the configuration, starts the data plane, waits for the end. */

import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import process from "node:process";
import { Cache } from "../cache/cache.ts";
import type { RunAgent, RunOptions } from "../config/run_options.ts";
import {
  type ConfigNote,
  configNoteMemory,
  configNoteText,
  writeConfigNote,
} from "../handoff/config_note.ts";
import type { Plan } from "../handoff/plan.ts";
import { loggerOf, setUpLogging } from "../log/logger.ts";
import { formatEndpoint } from "../std/ip_address.ts";
import { collectGarbage } from "../sys/collect_garbage.ts";
import { openKernel } from "../sys/open_kernel.ts";
import { VERSION } from "../version.ts";
import { DataPlane } from "./data_plane.ts";
import type { Interception } from "./interception.ts";
import { LiveConfig } from "./live_config.ts";
import { Readiness } from "./readiness.ts";
import type { Refused, ReloadState } from "./reload.ts";
import { ServerServices } from "./server_services.ts";
import { keepReadyFile, removePidFile, removeReadyFile, writePidFile } from "./sign_files.ts";
import { Supervision } from "./supervision.ts";
import type { TakeOver, TakeOverOptions } from "./take_over.ts";
import { workerCount } from "./worker_count.ts";

const EXIT_STOPPED = 0;
const EXIT_FAILED = 1;
/** As CoreDNS does, and as daemons do. */
const RELOAD_SIGNALS = ["SIGUSR1", "SIGHUP"] as const;
const INSTANCE_BYTES = 8;
/** For closing what a worker left open, nothing else. */
const MAIN_SLAB_BYTES = 4096;

/**
 * Runs the server until SIGINT or SIGTERM.
 *
 * @returns the exit code: 0 stopped, 1 failed.
 * @throws {ConfigError} when the Corefile cannot be used.
 */
export const runAgent: RunAgent = async (options) => {
  setUpLogging();
  removeReadyFile(options.readyFile);
  const { live, forget } = await readConfig(options);
  const instance = randomBytes(INSTANCE_BYTES).toString("hex");
  const compiled = live.compile(live.config);
  const takeOver = await loadTakeOver({ options, plan: compiled, instance });
  const plan = takeOver?.intercept(compiled) ?? compiled;
  const configMemory = configNoteMemory();
  const dataPlane = new DataPlane({
    plan,
    createCache: () => Cache.memoryFor(options.memoryBytes),
    workerCount: workerCount(options, live.config, availableParallelism()),
    hashSeed: randomBytes(4).readInt32LE(0),
    instance,
    configMemory,
    closeDescriptor: (fd) => void openKernel(MAIN_SLAB_BYTES).close(fd),
    openBell: takeOver?.openBell ?? null,
  });
  // Before anybody can see that we are up: who sends a signal then means it.
  const stopped = stopSignal();
  const interception = takeOver?.connect(dataPlane) ?? null;
  interception?.prepare();
  const ports = await dataPlane.start();
  if (ports === null) {
    await end(dataPlane, interception);
    process.stderr.write(`nodens: ${dataPlane.failure ?? "Cannot start the data plane"}\n`);
    return EXIT_FAILED;
  }
  const readiness = showReadiness(options, dataPlane, interception);
  const notice = await openNotice({ readiness, dataPlane, plan: compiled, ports });
  if (!options.quiet) announce(compiled, ports);
  const services = new ServerServices({
    dataPlane,
    rows: live.rows,
    reloadState: () => live.state,
    readiness,
  });
  await services.apply(live.config, compiled);
  const supervision = new Supervision(dataPlane, interception);
  // Before the addresses are taken: what keeps them from it may be the configuration.
  live.follow({
    take: async (next, config) => {
      const problem = await takePlan(next, dataPlane, takeOver);
      if (problem === null) await services.apply(config, next);
      return problem;
    },
    noteErrors: () => takeOver?.noteConfigErrors(),
    looks: (isLooking) => (isLooking ? notice?.reloading() : notice?.reloaded()),
    note: (state) => writeConfigNote(configMemory, configNoteText(noteOf(state))),
  });
  await Promise.race([interception?.start(), stopped]);
  collectGarbage();
  const code = await untilEnd(dataPlane, services.lameduckAfter(stopped), async () => {
    forget();
    readiness.leave();
    supervision.stop();
    // A change that is under way may take seconds: the addresses do not wait for it.
    const settled = live.stop();
    await end(dataPlane, interception);
    await settled;
    await services.stop();
  });
  await takeOver?.close();
  removePidFile(options.pidFile);
  return code;
};

/**
 * Reads the configuration; from now on a signal makes it be read again.
 *
 * @returns also what ends that.
 */
async function readConfig(options: RunOptions): Promise<{ live: LiveConfig; forget: () => void }> {
  let live: LiveConfig | null = null;
  let isAsked = false;
  // First of all: without a listener, SIGUSR1 makes Node open a debugger's port.
  const forget = onReloadSignal(() => {
    isAsked = true;
    void live?.reload("signal");
  });
  live = await LiveConfig.read(options);
  // What has been read may be what there was before.
  if (isAsked) void live.reload("signal");
  return { live, forget };
}

function noteOf(state: ReloadState): ConfigNote {
  const { loadedCount, loadedMs, hash, failedCount, problems } = state;
  return {
    generation: loadedCount,
    loaded: new Date(loadedMs).toISOString().replace(/\.\d+Z$/, "Z"),
    sha512: hash,
    failed: failedCount,
    problem: problems[0] ?? "",
  };
}

/** Makes workers serve by another plan. @returns null, or why they do not. */
async function takePlan(
  plan: Plan,
  dataPlane: DataPlane,
  takeOver: TakeOver | null,
): Promise<Refused | null> {
  let intercepted: Plan;
  try {
    intercepted = takeOver?.intercept(plan) ?? plan;
  } catch (error) {
    return { problem: (error as Error).message, mayPass: false };
  }
  const adoption = await dataPlane.adopt(intercepted);
  if (!adoption.isAdopted) return adoption;
  takeOver?.usePlan(plan);
  return null;
}

/** Loaded only where there is something to take over: it brings HTTP and much else along. */
async function loadTakeOver(given: TakeOverOptions): Promise<TakeOver | null> {
  if (given.options.nodeCache.localIps.length === 0) return null;
  const { createTakeOver } = await import("./take_over.ts");
  return await createTakeOver(given);
}

/** By files, for those who look at this one process. */
function showReadiness(
  { pidFile, readyFile }: RunOptions,
  dataPlane: DataPlane,
  interception: Interception | null,
): Readiness {
  const readiness = new Readiness({
    isWhole: () => dataPlane.isWhole,
    isIntercepting: () => interception?.isIntercepting ?? null,
  });
  keepReadyFile(readyFile, readiness);
  void (interception?.ready ?? Promise.resolve()).then(() => {
    writePidFile(pidFile);
    readiness.look();
  });
  return readiness;
}

interface NoticeSubject {
  readonly readiness: Readiness;
  readonly dataPlane: DataPlane;
  readonly plan: Plan;
  readonly ports: readonly number[];
}

/** To systemd, where we are its service. */
async function openNotice({ readiness, dataPlane, plan, ports }: NoticeSubject) {
  const { env } = process;
  const path = env.NOTIFY_SOCKET ?? "";
  if (path === "") return null;
  const { ServiceNotice } = await import("./service_notice.ts");
  const where = plan.listeners.map(({ address }, index) => formatEndpoint(address, ports[index]!));
  return new ServiceNotice(path, {
    environment: env,
    readiness,
    heartbeatAgeMs: () => dataPlane.heartbeatAgeMs(),
    where: [...new Set(where)].join(", "),
  });
}

/** Addresses away, answers out, rules away: in this order nobody notices. */
async function end(dataPlane: DataPlane, interception: Interception | null): Promise<void> {
  if (interception !== null) dataPlane.leave(interception.hasSuccessor);
  await interception?.release();
  await dataPlane.stop();
  await interception?.close();
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

/** Calls `look` for every signal that asks for a reload. @returns what ends that. */
function onReloadSignal(look: () => void): () => void {
  for (const signal of RELOAD_SIGNALS) process.on(signal, look);
  return () => {
    for (const signal of RELOAD_SIGNALS) process.off(signal, look);
  };
}

/** Waits for a signal, or for the data plane to fail, and ends all. @returns the exit code. */
async function untilEnd(
  dataPlane: DataPlane,
  stopped: Promise<string>,
  endAll: () => Promise<void>,
): Promise<number> {
  const failed = new Promise<null>((resolve) => {
    dataPlane.onFailure = () => resolve(null);
    if (dataPlane.failure !== null) resolve(null);
  });
  const signal = await Promise.race([stopped, failed]);
  await endAll();
  if (signal === null) {
    process.stderr.write(`nodens: ${dataPlane.failure ?? "The data plane has stopped"}\n`);
    return EXIT_FAILED;
  }
  loggerOf("agent").info("{text}", { text: `stopped by ${signal}` });
  return EXIT_STOPPED;
}

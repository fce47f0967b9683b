/** What a scenario gives back, and the parts that all scenarios share. */
import { type LoadOptions, type LoadResult, runLoad, wrongOf } from "./load.ts";
import type { BenchOptions } from "./options.ts";
import type { Peer } from "./peers/peer.ts";
import { type Running, type RunningPeer, startPeer, startUpstream } from "./peers/start.ts";
import type { Measure } from "./statistics.ts";

/** All scenarios, in the order in which they run. */
export const SCENARIO_IDS = [
  "hit",
  "rate",
  "low",
  "miss",
  "tcp",
  "idle",
  "start",
  "scale",
  "heap",
  "memory",
] as const;

/** Budget of every cache that need not hold a million names: 64 MiB. */
export const CACHE_BYTES = 64 * 1024 * 1024;

/** Names asked in hits, and how many of them are outstanding at a time. */
export const NAMES_SMALL = 1_000;
export const WINDOW = 100;
export const TCP_CONNECTIONS = 64;

/** One column of a scenario's table. */
export interface Column {
  key: string;
  title: string;
  digits: number;
}

/** One scenario's outcome; `rounds` has one entry per round, empty where a peer failed in it. */
export interface ScenarioResult {
  id: string;
  title: string;
  columns: Column[];
  /** The figure of which ratios and spread are shown; null for none. */
  ratioKey: string | null;
  rounds: Record<string, Measure[]>;
  skipped: Record<string, string>;
  notes: string[];
}

/** What scenarios work with. */
export interface Bench {
  options: BenchOptions;
  peers: Peer[];
  say(text: string): void;
}

/** CPU and latency columns of all scenarios that send queries. */
export const QUERY_COLUMNS: Column[] = [
  { key: "cpuUs", title: "CPU µs/query", digits: 2 },
  { key: "userUs", title: "user", digits: 2 },
  { key: "systemUs", title: "system", digits: 2 },
  { key: "qps", title: "queries/s", digits: 0 },
  { key: "busyPercent", title: "busy %", digits: 0 },
  { key: "p50Us", title: "p50 µs", digits: 0 },
  { key: "p99Us", title: "p99 µs", digits: 0 },
  { key: "p999Us", title: "p999 µs", digits: 0 },
];

/** Starts a result with those peers that can take part. */
export function openResult(
  bench: Bench,
  result: Pick<ScenarioResult, "id" | "title" | "columns" | "ratioKey">,
  only?: (peer: Peer) => boolean,
): { result: ScenarioResult; peers: Peer[] } {
  const full: ScenarioResult = { ...result, rounds: {}, skipped: {}, notes: [] };
  const peers = bench.peers.filter((peer) => {
    const reason = peer.cannot[result.id];
    if (reason !== undefined) full.skipped[peer.id] = reason;
    return reason === undefined && (only === undefined || only(peer));
  });
  for (const peer of peers) full.rounds[peer.id] = [];
  return { result: full, peers };
}

/** Starts the upstream and the peers, runs `use`, and ends them whatever happens. */
export async function withPeers(
  bench: Bench,
  peers: Peer[],
  wanted: { cacheNames: number; cacheBytes: number; tcp?: boolean },
  use: (running: RunningPeer[], upstream: Running) => Promise<void>,
  result: ScenarioResult,
): Promise<void> {
  const upstream = await startUpstream({ cpu: bench.options.loadCpu });
  const running: RunningPeer[] = [];
  try {
    for (const peer of peers) {
      const options = { tcp: false, ...wanted, upstreamPort: upstream.port };
      try {
        running.push(await startPeer(peer, { ...options, cpu: bench.options.serverCpu }));
      } catch (error) {
        result.skipped[peer.id] = (error as Error).message;
      }
    }
    await use(running, upstream);
  } finally {
    await Promise.all(running.map((peer) => peer.stop()));
    await upstream.stop();
  }
}

/** Runs `measure` for A B C, A B C, …; a failure empties that peer's round and is noted. */
export async function interleave(
  bench: Bench,
  result: ScenarioResult,
  running: RunningPeer[],
  measure: (peer: RunningPeer, round: number) => Promise<Measure>,
  rounds = bench.options.plan.rounds,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const peer of running) {
      let figures: Measure = {};
      try {
        figures = await measure(peer, round);
      } catch (error) {
        result.notes.push(`${peer.peer.id}: ${(error as Error).message}`);
      }
      result.rounds[peer.peer.id]?.push(figures);
      const key = result.ratioKey ?? result.columns[0]?.key ?? "";
      const shown = figures[key] === undefined ? "failed" : (figures[key] as number).toFixed(2);
      bench.say(`${result.id}  round ${round + 1}/${rounds}  ${peer.peer.id}  ${shown}`);
    }
  }
}

/** Runs one load against a peer, watching its CPU time, from the load's core. */
export function loadPeer(
  bench: Bench,
  peer: RunningPeer,
  options: LoadOptions,
): Promise<LoadResult> {
  const own: LoadOptions = {
    port: peer.port,
    watch: peer.pid,
    spin: bench.options.spin,
    "check-address": peer.peer.answersByName,
  };
  return runLoad({ ...own, ...options }, bench.options.loadCpu);
}

/** Asks every name once, so that all are cached; what is lost is asked again. */
export async function fill(
  bench: Bench,
  peer: RunningPeer,
  options: { names: number; from?: number; tcp?: boolean },
): Promise<void> {
  const { names, from = 0, tcp = false } = options;
  if (peer.peer.answersByName === false) return;
  const channels = tcp ? TCP_CONNECTIONS : 8;
  for (let left = 2; left > 0; left--) {
    const all = { count: names, names, from, tcp, channels, window: WINDOW, spin: false };
    const result = await loadPeer(bench, peer, all);
    if (result.lost + result.aborted === 0) return;
  }
}

/** Turns a load's result into the figures of QUERY_COLUMNS. */
export function measureOf(result: LoadResult): Measure {
  const { watch, latencyUs, received, qps } = result;
  if (watch === undefined || received === 0) throw new Error("no query was answered");
  const cpuUs = watch.cpuNs / 1000 / received;
  const ticks = watch.userTicks + watch.systemTicks;
  const userPart = ticks > 0 ? watch.userTicks / ticks : Number.NaN;
  return {
    cpuUs,
    userUs: cpuUs * userPart,
    systemUs: cpuUs * (1 - userPart),
    qps,
    busyPercent: (watch.cpuNs / 1e9 / watch.seconds) * 100,
    meanUs: latencyUs.mean,
    p50Us: latencyUs.p50,
    p90Us: latencyUs.p90,
    p99Us: latencyUs.p99,
    p999Us: latencyUs.p999,
    maxUs: latencyUs.max,
    lagP99Us: result.sendLagUs.p99,
    answered: received,
    lost: result.lost + result.aborted + result.skipped,
    wrong: wrongOf(result),
    loadBusyPercent: ((result.own.userSec + result.own.systemSec) / result.seconds) * 100,
    waitPercent: (watch.waitNs / 1e9 / watch.seconds) * 100,
    stealPercent: (watch.stealTicks / watch.ticksPerSec / watch.seconds) * 100,
  };
}

/** Resolves after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

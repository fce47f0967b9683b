/** Scenarios that cost CPU per query: hits at saturation and at fixed rates, misses, TCP. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LoadOptions, runText } from "../load.ts";
import type { RunningPeer } from "../peers/start.ts";
import { cpuNsOf } from "../process_stats.ts";
import {
  type Bench,
  CACHE_BYTES,
  fill,
  interleave,
  loadPeer,
  measureOf,
  NAMES_SMALL,
  openResult,
  QUERY_COLUMNS,
  type ScenarioResult,
  TCP_CONNECTIONS,
  WINDOW,
  withPeers,
} from "../scenario.ts";
import type { Measure } from "../statistics.ts";

const WARM_SECONDS = 0.3;
/* Names are then bounded by bytes alone, in every peer that counts bytes. */
const MANY = { cacheNames: 1_000_000, cacheBytes: CACHE_BYTES };
const SMALL = { cacheNames: 10_000, cacheBytes: CACHE_BYTES };

/** Hits at saturation over 1,000 names, with dnsperf as a second opinion. */
export async function hit(bench: Bench): Promise<ScenarioResult> {
  const { plan } = bench.options;
  const directory = mkdtempSync(join(tmpdir(), "bench-dnsperf-"));
  const queries = join(directory, "queries");
  writeFileSync(queries, namesText());
  const { result, peers } = openResult(bench, {
    id: "hit",
    title: `Hits at saturation: UDP, ${NAMES_SMALL} names, ${WINDOW} outstanding`,
    columns: [...QUERY_COLUMNS, { key: "dnsperfCpuUs", title: "dnsperf: µs/query", digits: 2 }],
    ratioKey: "cpuUs",
  });
  const load = { seconds: plan.seconds, "warm-seconds": WARM_SECONDS, window: WINDOW };
  const measure = async (peer: RunningPeer): Promise<Measure> => {
    const figures = measureOf(await loadPeer(bench, peer, { ...load, order: "uniform" }));
    return { ...figures, ...(await dnsperf(bench, peer, queries)) };
  };
  await withPeers(
    bench,
    peers,
    SMALL,
    async (running) => {
      for (const peer of running) await fill(bench, peer, { names: NAMES_SMALL });
      await interleave(bench, result, running, measure);
    },
    result,
  );
  rmSync(directory, { recursive: true });
  return result;
}

function namesText(): string {
  let text = "";
  for (let i = 0; i < NAMES_SMALL; i++) text += `n${`${i}`.padStart(7, "0")}.bench.zz A\n`;
  return text;
}

/** Runs Debian's dnsperf for a second; without it there are no figures. */
async function dnsperf(bench: Bench, peer: RunningPeer, queries: string): Promise<Measure> {
  const words = ["taskset", "-c", `${bench.options.loadCpu}`, "dnsperf", "-s", "127.0.0.1"];
  words.push("-p", `${peer.port}`, "-d", queries, "-c", "8", "-q", `${WINDOW}`, "-t", "1");
  words.push("-l", `${Math.max(1, Math.round(bench.options.plan.seconds / 2))}`);
  try {
    const before = cpuNsOf(peer.pid);
    const text = await runText(words);
    const usedNs = cpuNsOf(peer.pid) - before;
    const completed = Number(/Queries completed:\s+(\d+)/.exec(text)?.[1] ?? 0);
    const qps = Number(/Queries per second:\s+([\d.]+)/.exec(text)?.[1] ?? 0);
    return completed > 0 ? { dnsperfCpuUs: usedNs / 1000 / completed, dnsperfQps: qps } : {};
  } catch {
    return {};
  }
}

/** Hits at one fixed rate for all, Poisson: latency at the same load. */
export function rate(bench: Bench): Promise<ScenarioResult> {
  const { ratePerSec, plan } = bench.options;
  const title = `Hits at ${ratePerSec} queries/s: UDP, open loop, Poisson, latency from schedule`;
  const load = { rate: ratePerSec, poisson: true, seconds: plan.openSeconds };
  return openLoop(bench, "rate", title, load);
}

/** Hits at 2,000 queries per second, as a node at work has them. */
export function low(bench: Bench): Promise<ScenarioResult> {
  const title = "Hits at 2000 queries/s: UDP, open loop, evenly spaced";
  return openLoop(bench, "low", title, { rate: 2000, seconds: bench.options.plan.openSeconds });
}

async function openLoop(
  bench: Bench,
  id: string,
  title: string,
  load: LoadOptions,
): Promise<ScenarioResult> {
  const columns = QUERY_COLUMNS;
  const { result, peers } = openResult(bench, { id, title, columns, ratioKey: "cpuUs" });
  const all = { ...load, "warm-seconds": WARM_SECONDS, order: "uniform" };
  await withPeers(
    bench,
    peers,
    SMALL,
    async (running) => {
      for (const peer of running) await fill(bench, peer, { names: NAMES_SMALL });
      const measure = async (peer: RunningPeer) => measureOf(await loadPeer(bench, peer, all));
      await interleave(bench, result, running, measure);
    },
    result,
  );
  return result;
}

/** Misses: every name is asked once, ever. */
export async function miss(bench: Bench): Promise<ScenarioResult> {
  const { plan } = bench.options;
  const { result, peers } = openResult(bench, {
    id: "miss",
    title: `Misses: UDP, unique names, ${WINDOW} outstanding, upstream on the load's core`,
    columns: QUERY_COLUMNS,
    ratioKey: "cpuUs",
  });
  const namesPerRound = Math.floor(9_900_000 / plan.rounds);
  const load = { seconds: plan.seconds, window: WINDOW, names: namesPerRound };
  await withPeers(
    bench,
    peers,
    MANY,
    async (running) => {
      const measure = async (peer: RunningPeer, round: number): Promise<Measure> => {
        const from = round * namesPerRound;
        const all = { ...load, from, "warm-seconds": WARM_SECONDS };
        return measureOf(await loadPeer(bench, peer, all));
      };
      await interleave(bench, result, running, measure);
    },
    result,
  );
  return result;
}

/** Hits over 64 TCP connections, eight queries outstanding on each. */
export async function tcp(bench: Bench): Promise<ScenarioResult> {
  const { plan } = bench.options;
  const window = TCP_CONNECTIONS * 8;
  const { result, peers } = openResult(bench, {
    id: "tcp",
    title: `Hits over TCP: ${TCP_CONNECTIONS} pipelined connections, ${window} outstanding`,
    columns: QUERY_COLUMNS,
    ratioKey: "cpuUs",
  });
  const load = { seconds: plan.seconds, window, tcp: true, channels: TCP_CONNECTIONS };
  const all = { ...load, "warm-seconds": WARM_SECONDS, order: "uniform" };
  await withPeers(
    bench,
    peers,
    { ...SMALL, tcp: true },
    async (running) => {
      for (const peer of running) await fill(bench, peer, { names: NAMES_SMALL, tcp: true });
      const measure = async (peer: RunningPeer): Promise<Measure> => {
        const loaded = await loadPeer(bench, peer, all);
        return { ...measureOf(loaded), reconnects: loaded.reconnects };
      };
      await interleave(bench, result, running, measure);
    },
    result,
  );
  result.notes.push("bare is the pattern upstream here: TCP without a cache.");
  return result;
}

/** The same server with 1,000 names and then with a million: what size costs a hit. */
export async function scale(bench: Bench): Promise<ScenarioResult> {
  const { plan } = bench.options;
  const many = plan.namesLarge;
  const { result, peers } = openResult(bench, {
    id: "scale",
    title: `Hits with ${many} names cached, asked evenly, against ${NAMES_SMALL} of them`,
    columns: [
      { key: "smallUs", title: `µs, ${NAMES_SMALL} names`, digits: 2 },
      { key: "cpuUs", title: `µs, ${many} names`, digits: 2 },
      { key: "scaleRatio", title: "ratio", digits: 2 },
      { key: "userUs", title: "user", digits: 2 },
      { key: "systemUs", title: "system", digits: 2 },
      { key: "qps", title: "queries/s", digits: 0 },
    ],
    ratioKey: "cpuUs",
  });
  const wanted = { cacheNames: many * 2, cacheBytes: 12 * CACHE_BYTES };
  const load = { seconds: plan.seconds, "warm-seconds": WARM_SECONDS, window: WINDOW };
  const small: Record<string, number[]> = {};
  await withPeers(
    bench,
    peers,
    wanted,
    async (running) => {
      /* Few names first, while no others are there; then the same servers, filled. */
      for (const peer of running) await fill(bench, peer, { names: NAMES_SMALL });
      for (let round = 0; round < plan.rounds; round++) {
        for (const peer of running) {
          const figures = measureOf(
            await loadPeer(bench, peer, { ...load, order: "uniform", names: NAMES_SMALL }),
          );
          small[peer.peer.id] = [...(small[peer.peer.id] ?? []), figures.cpuUs as number];
        }
      }
      for (const peer of running) {
        bench.say(`scale  filling ${peer.peer.id} with ${many} names`);
        await fill(bench, peer, { names: many });
      }
      await interleave(bench, result, running, async (peer, round) => {
        const figures = measureOf(
          await loadPeer(bench, peer, { ...load, order: "uniform", names: many }),
        );
        const smallUs = small[peer.peer.id]?.[round] ?? Number.NaN;
        return { ...figures, smallUs, scaleRatio: (figures.cpuUs as number) / smallUs };
      });
    },
    result,
  );
  return result;
}

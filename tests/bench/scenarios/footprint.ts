/** Scenarios about what a server takes besides queries: idle CPU, memory, heap, start. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runJson, wrongOf } from "../load.ts";
import type { Peer } from "../peers/peer.ts";
import { freePort } from "../peers/ports.ts";
import type { RunningPeer } from "../peers/start.ts";
import { startUpstream } from "../peers/start.ts";
import { cpuNsOf, memoryOf } from "../process_stats.ts";
import { program } from "../programs.ts";
import {
  type Bench,
  CACHE_BYTES,
  fill,
  loadPeer,
  NAMES_SMALL,
  openResult,
  pause,
  type ScenarioResult,
  WINDOW,
  withPeers,
} from "../scenario.ts";

const MB = 1e6;
const SETTLE_MS = 2_000;
const SMALL = { cacheNames: 10_000, cacheBytes: CACHE_BYTES };

/** CPU use with nothing to do; all peers at once, because each is asked for its own time. */
export async function idle(bench: Bench): Promise<ScenarioResult> {
  const seconds = bench.options.plan.idleSeconds;
  const { result, peers } = openResult(bench, {
    id: "idle",
    title: `Idle for ${seconds} s`,
    columns: [{ key: "idlePercent", title: "CPU %", digits: 3 }],
    ratioKey: null,
  });
  await withPeers(
    bench,
    peers,
    SMALL,
    async (running) => {
      for (const peer of running) await fill(bench, peer, { names: NAMES_SMALL });
      await pause(SETTLE_MS);
      bench.say(`idle  ${seconds} s`);
      const before = running.map((peer) => ({ usedNs: cpuNsOf(peer.pid), at: performance.now() }));
      await pause(seconds * 1000);
      running.forEach((peer, i) => {
        const usedNs = cpuNsOf(peer.pid) - (before[i]?.usedNs ?? 0);
        const elapsedNs = (performance.now() - (before[i]?.at ?? 0)) * 1e6;
        result.rounds[peer.peer.id]?.push({ idlePercent: (usedNs / elapsedNs) * 100 });
      });
    },
    result,
  );
  return result;
}

/** Milliseconds from exec to the first answer, peers in turn. */
export async function start(bench: Bench): Promise<ScenarioResult> {
  const { plan, serverCpu, loadCpu } = bench.options;
  const { result, peers } = openResult(bench, {
    id: "start",
    title: `Start: exec to first answer, ${plan.starts} times`,
    columns: [{ key: "firstAnswerMs", title: "ms", digits: 1 }],
    ratioKey: "firstAnswerMs",
  });
  const upstream = await startUpstream({ cpu: loadCpu });
  try {
    for (let round = 0; round < plan.starts; round++) {
      for (const peer of peers) {
        const port = await freePort();
        const directory = mkdtempSync(join(tmpdir(), `bench-${peer.id}-`));
        const options = { ...SMALL, port, directory, upstreamPort: upstream.port, tcp: false };
        const words = [program("firstanswer"), "--port", `${port}`, "--cpu", `${serverCpu}`];
        words.push("--", ...peer.command(options));
        try {
          const { firstAnswerMs } = (await runJson(words)) as { firstAnswerMs: number };
          result.rounds[peer.id]?.push({ firstAnswerMs });
        } catch (error) {
          result.rounds[peer.id]?.push({});
          result.notes.push(`${peer.id}: ${(error as Error).message.trim()}`);
        }
        rmSync(directory, { recursive: true, force: true });
      }
      bench.say(`start  round ${round + 1}/${plan.starts}`);
    }
  } finally {
    await upstream.stop();
  }
  return result;
}

/** Memory idle, after a flood of unique names, and after a second one. */
export async function memory(bench: Bench): Promise<ScenarioResult> {
  const { floodNames } = bench.options.plan;
  const { result, peers } = openResult(bench, {
    id: "memory",
    title: `Memory: budget ${toMb(CACHE_BYTES)} MB, floods of ${floodNames} unique names`,
    columns: [
      { key: "idleRssMb", title: "idle RSS MB", digits: 1 },
      { key: "idleAnonMb", title: "of it anon", digits: 1 },
      { key: "floodRssMb", title: "1st flood RSS", digits: 1 },
      { key: "floodAnonMb", title: "of it anon", digits: 1 },
      { key: "secondRssMb", title: "2nd flood RSS", digits: 1 },
      { key: "secondAnonMb", title: "of it anon", digits: 1 },
    ],
    ratioKey: null,
  });
  /* One peer at a time: the other's memory does not matter, but a flood takes both cores. */
  for (const peer of peers) {
    await withPeers(
      bench,
      [peer],
      { cacheNames: 10_000_000, cacheBytes: CACHE_BYTES },
      async ([running]) => {
        if (running !== undefined) await floodTwice(bench, running, result);
      },
      result,
    );
  }
  if (!peers.every((peer) => isOurs(peer))) {
    result.notes.push("the second flood is run for nodens only: flatness is its goal, not theirs.");
  }
  return result;
}

async function floodTwice(bench: Bench, peer: RunningPeer, result: ScenarioResult): Promise<void> {
  const names = bench.options.plan.floodNames;
  const figures: Record<string, number> = {};
  const read = (stage: string): void => {
    const { rss, anon, shmem } = memoryOf(peer.pid);
    figures[`${stage}RssMb`] = rss / MB;
    figures[`${stage}AnonMb`] = anon / MB;
    figures[`${stage}ShmemMb`] = shmem / MB;
  };
  await pause(SETTLE_MS);
  read("idle");
  for (const stage of isOurs(peer.peer) ? ["flood", "second"] : ["flood"]) {
    bench.say(`memory  ${peer.peer.id}: ${stage === "flood" ? "first" : "second"} flood`);
    const from = stage === "flood" ? 0 : names;
    const loaded = await loadPeer(bench, peer, { count: names, names, from, window: WINDOW });
    await pause(SETTLE_MS);
    read(stage);
    figures[`${stage}Answered`] = loaded.received;
    figures.lost = (figures.lost ?? 0) + loaded.lost;
    figures.wrong = (figures.wrong ?? 0) + wrongOf(loaded);
  }
  result.rounds[peer.peer.id]?.push(figures);
}

/** Growth over millions of hits: anonymous memory, and the heap where nodens shows it. */
export async function heap(bench: Bench): Promise<ScenarioResult> {
  const { heapHits } = bench.options.plan;
  const { result, peers } = openResult(
    bench,
    {
      id: "heap",
      title: `Growth over ${heapHits} hits`,
      columns: [
        { key: "anonGrowthMb", title: "RssAnon MB", digits: 2 },
        { key: "heapGrowthMb", title: "heap MB", digits: 2 },
      ],
      ratioKey: null,
    },
    isOurs,
  );
  await withPeers(
    bench,
    peers,
    SMALL,
    async (running) => {
      for (const peer of running) {
        await fill(bench, peer, { names: NAMES_SMALL });
        await loadPeer(bench, peer, { count: heapHits / 5, order: "uniform" });
        const before = { anon: memoryOf(peer.pid).anon, heap: await heapBytes(bench) };
        bench.say(`heap  ${peer.peer.id}: ${heapHits} hits`);
        await loadPeer(bench, peer, { count: heapHits, order: "uniform" });
        const anonGrowthMb = (memoryOf(peer.pid).anon - before.anon) / MB;
        const after = await heapBytes(bench);
        const heapGrowth = { heapGrowthMb: ((after ?? 0) - (before.heap ?? 0)) / MB };
        result.rounds[peer.peer.id]?.push({
          anonGrowthMb,
          ...(after === null || before.heap === null ? {} : heapGrowth),
        });
      }
    },
    result,
  );
  return result;
}

/** Reads the metric of `--heap`, or null when there is none. */
async function heapBytes(bench: Bench): Promise<number | null> {
  const { heapUrl, heapMetric } = bench.options;
  if (heapUrl === null) return null;
  const text = await (await fetch(heapUrl)).text();
  const match = new RegExp(`^${heapMetric}(?:\\{[^}]*\\})? ([-+.\\deE]+)`, "m").exec(text);
  if (match === null) throw new Error(`Cannot find metric "${heapMetric}" at ${heapUrl}`);
  return Number(match[1]);
}

function isOurs(peer: Peer): boolean {
  return peer.id === "nodens";
}

function toMb(bytes: number): string {
  return (bytes / MB).toFixed(0);
}

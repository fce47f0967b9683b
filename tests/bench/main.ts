/**
 * The bench: nodens and its peers side by side, all in one go. See README.md for the method.
 *
 * Progress goes to standard error, the report to standard output.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { judge } from "./goals.ts";
import { describeMachine, machineText } from "./machine.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { bare } from "./peers/bare.ts";
import { dnsdist } from "./peers/dnsdist.ts";
import { dnsmasq } from "./peers/dnsmasq.ts";
import { nodensPeer, stockCorefile } from "./peers/nodens.ts";
import type { Peer } from "./peers/peer.ts";
import { stopAll } from "./peers/start.ts";
import { unbound } from "./peers/unbound.ts";
import type { Bench, SCENARIO_IDS, ScenarioResult } from "./scenario.ts";
import { heap, idle, memory, start } from "./scenarios/footprint.ts";
import { hit, low, miss, rate, scale, tcp } from "./scenarios/queries.ts";
import { goalTable, scenarioTable } from "./table.ts";

type Scenario = (bench: Bench) => Promise<ScenarioResult>;

const SCENARIOS: Readonly<Record<(typeof SCENARIO_IDS)[number], Scenario>> = {
  hit,
  rate,
  low,
  miss,
  tcp,
  idle,
  start,
  scale,
  heap,
  memory,
};

await main();

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  process.on("SIGINT", () => void stopAll().then(() => process.exit(130)));
  process.on("SIGTERM", () => void stopAll().then(() => process.exit(143)));
  /* Nothing of ours may run on the servers' core. */
  spawnSync("taskset", ["-a", "-p", "-c", `${options.loadCpu}`, `${process.pid}`]);
  const startedMs = Date.now();
  const machine = describeMachine();
  const { peers, versions } = presentPeers(options);
  printHead(options, machineText(machine), versions);
  const bench: Bench = { options, peers, say: (text) => sayProgress(text, startedMs) };
  const scenarios: ScenarioResult[] = [];
  for (const [id, run] of Object.entries(SCENARIOS)) {
    if (!options.only.includes(id)) continue;
    try {
      const result = await run(bench);
      scenarios.push(result);
      if (Object.keys(result.rounds).length === 0) continue;
      console.log(`\n${scenarioTable(result)}`);
    } catch (error) {
      console.error(`${id}: ${(error as Error).message}`);
      process.exitCode = 1;
      await stopAll();
    }
  }
  const goals = judge(scenarios);
  if (peers.some((peer) => peer.id === "nodens")) console.log(`\n${goalTable(goals)}`);
  const minutes = (Date.now() - startedMs) / 60_000;
  console.log(`\n${minutes.toFixed(1)} minutes${options.quick ? ", --quick: smaller counts" : ""}`);
  if (options.jsonPath === null) return;
  const startedAt = new Date(startedMs).toISOString();
  const all = { format: "nodens-bench/1", startedAt, options, machine, versions, scenarios, goals };
  writeFileSync(options.jsonPath, `${JSON.stringify(all, null, 1)}\n`);
}

/** The wanted peers that can be run here, with their versions. */
function presentPeers(options: BenchOptions): { peers: Peer[]; versions: Record<string, string> } {
  const stock = nodensPeer(options.nodensCommand, stockCorefile);
  const known = [nodensPeer(options.nodensCommand), stock, unbound, dnsdist, dnsmasq, bare];
  const versions: Record<string, string> = {};
  const peers = known.filter((peer) => {
    if (!options.peers.includes(peer.id)) return false;
    const version = peer.version();
    if (version === null) console.error(`${peer.id} cannot be run here and is left out`);
    else versions[peer.id] = version;
    return version !== null;
  });
  return { peers, versions };
}

function printHead(options: BenchOptions, machine: string, versions: Record<string, string>): void {
  console.log(machine);
  const list = Object.entries(versions).map(([id, version]) => `${id} ${version}`);
  console.log(list.join(", "));
  const { rounds, seconds, openSeconds } = options.plan;
  const length = `${seconds} s closed loop, ${openSeconds} s open loop`;
  console.log(`servers on core ${options.serverCpu}, load and upstream on core ${options.loadCpu}`);
  console.log(`medians of ${rounds} rounds of ${length}; × is the ratio within the same round`);
}

function sayProgress(text: string, startedMs: number): void {
  const seconds = Math.round((Date.now() - startedMs) / 1000);
  process.stderr.write(`${`${seconds}`.padStart(5)} s  ${text}\n`);
}

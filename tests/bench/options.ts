/** Command line of the bench, and what follows from it: how long, how often, how many. */
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { SCENARIO_IDS } from "./scenario.ts";

/** How much of everything. */
export interface Plan {
  rounds: number;
  /** Length of one closed-loop measurement. */
  seconds: number;
  /** Length of one open-loop measurement. */
  openSeconds: number;
  idleSeconds: number;
  /** Names of the large cache in `scale`. */
  namesLarge: number;
  /** Unique names of one flood in `memory`. */
  floodNames: number;
  /** Hits in `heap`, after a fifth as many to warm up. */
  heapHits: number;
  starts: number;
}

/** Everything the command line decides. */
export interface BenchOptions {
  quick: boolean;
  only: string[];
  peers: string[];
  jsonPath: string | null;
  nodensCommand: string;
  heapUrl: string | null;
  heapMetric: string;
  ratePerSec: number;
  spin: boolean;
  serverCpu: number;
  loadCpu: number;
  plan: Plan;
}

const FULL: Plan = {
  rounds: 5,
  seconds: 2.5,
  openSeconds: 4,
  idleSeconds: 10,
  namesLarge: 1_000_000,
  floodNames: 1_500_000,
  heapHits: 5_000_000,
  starts: 10,
};

const QUICK: Plan = {
  rounds: 3,
  seconds: 1,
  openSeconds: 1.2,
  idleSeconds: 3,
  namesLarge: 100_000,
  floodNames: 200_000,
  heapHits: 1_000_000,
  starts: 3,
};

const PEERS = ["nodens", "stock", "unbound", "dnsdist", "dnsmasq", "bare"];

const HELP = `Usage: npm run bench -- [OPTIONS]

  --quick            about two minutes, smaller counts
  --only LIST        scenarios, of ${SCENARIO_IDS.join(",")}
  --peers LIST       servers, of ${PEERS.join(",")}
  --rounds N         rounds per scenario
  --seconds S        length of one saturated measurement
  --rate N           queries per second of the scenario "rate" (default 40000)
  --spin             the load generator polls instead of sleeping
  --nodens "CMD"     command that runs nodens (default dist/nodens)
  --heap URL         page in Prometheus text from which nodens' heap use is read
  --heap-metric NAME name of the metric there (default nodejs_heap_size_used_bytes)
  --server-cpu N     core of the servers (default 0)
  --load-cpu N       core of load and upstream (default 1)
  --json FILE        also write all results to FILE
`;

/** Reads the command line; prints and exits on `--help` or a mistake. */
export function readOptions(words: string[]): BenchOptions {
  try {
    return checkedOptions(words);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

function checkedOptions(words: string[]): BenchOptions {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const { values } = parseArgs({
    args: words,
    options: {
      quick: flag,
      spin: flag,
      help: flag,
      only: text,
      peers: text,
      rounds: text,
      seconds: text,
      rate: text,
      nodens: text,
      heap: text,
      "heap-metric": text,
      "server-cpu": text,
      "load-cpu": text,
      json: text,
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const plan = { ...(values.quick ? QUICK : FULL) };
  if (values.rounds !== undefined) plan.rounds = positive("rounds", values.rounds);
  if (values.seconds !== undefined) plan.seconds = positive("seconds", values.seconds);
  return {
    quick: values.quick ?? false,
    only: listOf("only", values.only, SCENARIO_IDS),
    peers: listOf("peers", values.peers, PEERS),
    jsonPath: values.json ?? null,
    nodensCommand: values.nodens ?? defaultNodens(),
    heapUrl: values.heap ?? null,
    heapMetric: values["heap-metric"] ?? "nodejs_heap_size_used_bytes",
    ratePerSec: positive("rate", values.rate ?? "40000"),
    spin: values.spin ?? false,
    serverCpu: Number(values["server-cpu"] ?? 0),
    loadCpu: Number(values["load-cpu"] ?? (cpus().length > 1 ? 1 : 0)),
    plan,
  };
}

function defaultNodens(): string {
  const runtime = "node_modules/.bin/node";
  if (!existsSync("dist/nodens") && existsSync("src/main.ts")) return `${runtime} src/main.ts`;
  return "dist/nodens";
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new RangeError(`Cannot use --${name} "${text}": a number above 0 is wanted`);
}

function listOf(name: string, text: string | undefined, known: readonly string[]): string[] {
  if (text === undefined) return [...known];
  const list = text.split(",").map((item) => item.trim());
  const stranger = list.find((item) => !known.includes(item));
  if (stranger === undefined) return list;
  throw new RangeError(`Cannot use --${name} "${stranger}": one of ${known.join(", ")} is wanted`);
}

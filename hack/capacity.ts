/**
 * Reckons what nodes ask of kube-dns, and keeps the tables of deploy/README.md in step with that:
 * `npm run fmt`. For a cluster of your own, with other numbers:
 *
 *     node hack/capacity.ts nodes=300 clusterNames=80 outsideNames=20 denialTtlSec=30
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** What the clients of one node ask, and how it is cached. */
export interface Profile {
  /** Names of Services that are asked for more often than once per TTL. */
  readonly clusterNames: number;
  /** The same for names outside the cluster. */
  readonly outsideNames: number;
  /** Names that a search path makes of an outside name before it is asked for as it is. */
  readonly expansions: number;
  /** 2 where A and AAAA are asked for, 1 with filter_aaaa. */
  readonly typesPerName: number;
  readonly ttlSec: number;
  readonly denialTtlSec: number;
  /** Of `prefetch`: an answer is asked for again when so much of its life is left. 0 is none. */
  readonly prefetchPercent: number;
  /** How often each name is asked for by the clients of a node, of each type. */
  readonly asksPerSec: number;
  readonly workers: number;
}

export const TYPICAL: Profile = {
  ...{ clusterNames: 50, outsideNames: 50, expansions: 3, typesPerName: 2 },
  ...{ ttlSec: 30, denialTtlSec: 5, prefetchPercent: 0, asksPerSec: 1, workers: 1 },
};

/** What one node has to do with others. */
export interface NodeLoad {
  /** Queries of clients, a second. */
  readonly asked: number;
  /** Of these, a second, what goes to kube-dns and to servers outside. */
  readonly toKubeDns: number;
  readonly toOutside: number;
  /** TCP connections to kube-dns that are kept open. */
  readonly connections: number;
}

/** What may be given on the command line; the rest is what the tables compare. */
const GIVEN = [
  ...["nodes", "clusterNames", "outsideNames", "expansions"],
  ...["ttlSec", "denialTtlSec", "asksPerSec", "workers"],
];
const CLUSTER_SIZES = [10, 1000, 15_000];
/** A cautious figure for one pod of CoreDNS with a core; measure yours. */
const KUBE_DNS_POD_PER_SEC = 5000;
/** Both measured, see the manual. */
const KUBE_DNS_CONNECTION_BYTES = 10_000;
const CONNECTION_LIFE_SEC = 60;
const BYTES_PER_MB = 1_000_000;

const BEGIN = "<!-- capacity: written by hack/capacity.ts -->";
const END = "<!-- end of capacity -->";

/** @param cutsExpansions whether search_cut denies what search paths make of outside names. */
export function nodeLoad(profile: Profile, cutsExpansions: boolean): NodeLoad {
  const { clusterNames, outsideNames, expansions, typesPerName, workers } = profile;
  const { ttlSec, denialTtlSec, prefetchPercent, asksPerSec } = profile;
  // Once in its life, however often it is asked for; each time, where that is seldom.
  const life = 1 - prefetchPercent / 100;
  const missesPerSec = (sec: number) => Math.min(asksPerSec, 1 / (sec * life));
  const names = clusterNames + outsideNames * (1 + expansions);
  const expanded = cutsExpansions ? 0 : outsideNames * expansions;
  return {
    asked: names * typesPerName * asksPerSec,
    toKubeDns:
      typesPerName * (clusterNames * missesPerSec(ttlSec) + expanded * missesPerSec(denialTtlSec)),
    toOutside: typesPerName * outsideNames * missesPerSec(ttlSec),
    connections: workers,
  };
}

/** What is compared: how many types are asked for, what is cut, what is asked for ahead. */
const WAYS = [
  { title: "node-cache's Corefile", cuts: false, types: 2, prefetchPercent: 0 },
  { title: "ours", cuts: true, types: 2, prefetchPercent: 50 },
  { title: "ours, `filter_aaaa`", cuts: true, types: 1, prefetchPercent: 50 },
  { title: "the same, `prefetch` 10%", cuts: true, types: 1, prefetchPercent: 10 },
] as const;

/** Two tables: queries to kube-dns, and what it needs for that. */
export function capacityTables(profile: Profile, sizes: readonly number[]): string {
  const ways = WAYS.map(({ cuts, types, prefetchPercent }) =>
    nodeLoad({ ...profile, typesPerName: types, prefetchPercent }, cuts),
  );
  const [stock] = ways;
  const titles = WAYS.map(({ title }) => title);
  const queries = sizes.map((nodes) => [
    ...[nodes, stock!.asked * nodes],
    ...ways.map(({ toKubeDns }) => toKubeDns * nodes),
  ]);
  const needs = sizes.map((nodes) => {
    const open = stock!.connections * nodes;
    const bytes = open * KUBE_DNS_CONNECTION_BYTES;
    const pods = ways.map(({ toKubeDns }) => podsFor(toKubeDns * nodes));
    return [nodes, ...pods, open, open / CONNECTION_LIFE_SEC, bytes / BYTES_PER_MB];
  });
  return [
    "Queries a second, all nodes together:",
    "",
    headOf(["nodes", "asked by clients", ...titles.map((title) => `to kube-dns: ${title}`)]),
    ...queries.map(rowOf),
    "",
    "Pods of kube-dns, and TCP connections to them:",
    "",
    headOf([
      ...["nodes", ...titles.map((title) => `pods: ${title}`)],
      ...["connections", "new ones a second", "MB for them"],
    ]),
    ...needs.map(rowOf),
  ].join("\n");
}

function headOf(titles: readonly string[]): string {
  return `| ${titles.join(" | ")} |\n|${" ---: |".repeat(titles.length)}`;
}

/** At least two: one may be away. */
function podsFor(queriesPerSec: number): number {
  return Math.max(2, Math.ceil(queriesPerSec / KUBE_DNS_POD_PER_SEC));
}

/** Three digits are more than anybody knows. */
function rowOf(numbers: readonly number[]): string {
  const texts = numbers.map((value) => {
    const rounded = value < 1000 ? Number(value.toPrecision(2)) : Number(value.toPrecision(3));
    return rounded.toLocaleString("en-US", { maximumFractionDigits: 2 });
  });
  return `| ${texts.join(" | ")} |`;
}

/** @throws {Error} without the tables' place. */
export function withCapacityTables(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot find the tables' place: expected "${BEGIN}" and "${END}" in the page`);
  }
  const tables = capacityTables(TYPICAL, CLUSTER_SIZES);
  return `${page.slice(0, begin + BEGIN.length)}\n${tables}\n${page.slice(end)}`;
}

/** @throws {Error} for a word that is no `name=number` of a profile. */
function profileOf(words: readonly string[]): { profile: Profile; sizes: number[] } {
  let profile = TYPICAL;
  let sizes = CLUSTER_SIZES;
  for (const word of words) {
    const [name = "", text = ""] = word.split("=");
    const value = Number(text);
    const isKnown = GIVEN.includes(name);
    if (!isKnown || text === "" || !(value >= 0)) {
      const known = ["nodes", ...Object.keys(TYPICAL)].join(", ");
      throw new Error(
        `Cannot reckon with "${word}": expected NAME=NUMBER, with a name of ${known}`,
      );
    }
    if (name === "nodes") sizes = [value];
    else profile = { ...profile, [name]: value };
  }
  return { profile, sizes };
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  if (words.length > 0) {
    const { profile, sizes } = profileOf(words);
    process.stdout.write(`${capacityTables(profile, sizes)}\n`);
  } else {
    const path = join(import.meta.dirname, "../deploy/README.md");
    const text = readFileSync(path, "utf8");
    const updated = withCapacityTables(text);
    if (updated !== text) {
      writeFileSync(path, updated);
      process.stdout.write("updated deploy/README.md\n");
    }
  }
}

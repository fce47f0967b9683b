/**
 * Measures the image: its size, how long a container takes to answer, and its memory.
 *
 *     sudo npm run image:figures
 *
 * Prints the table of build/README.md. Builds the image when it is stale.
 */

import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { listTree } from "../../build/image_contents.ts";
import { createLab, type Lab } from "../netns/support/lab.ts";
import { monotonicMs } from "../netns/support/load.ts";
import { CLUSTER_IP, KUBE_DNS_ENDPOINTS } from "../netns/support/places.ts";
import { type Ending, endByHand } from "../support/clean_up.ts";
import { until } from "../support/until.ts";
import { Container } from "./support/container.ts";
import { corefileWithoutCounts, flood, RESPONDER, startResponder } from "./support/flood.ts";
import { builtArchive, type Image, readArchive, unpack } from "./support/image.ts";
import { type PodOptions, preparePod } from "./support/pod.ts";

const STARTS = 7;
/** After it the warm-up is over and the heap has been collected. */
const IDLE_MS = 10_000;
const ZSTD_LEVELS = ["-19", "-3"];

async function main(): Promise<void> {
  const archive = await builtArchive();
  const image = readArchive(archive);
  const rootfs = unpack(archive, image);
  const rows = [...sizes(archive, { image, rootfs }), ...(await starts(rootfs))];
  rows.push(...(await memory(rootfs, "sample Corefile", {})));
  const options = { corefile: corefileWithoutCounts(), nameserver: RESPONDER };
  rows.push(...(await memory(rootfs, "cache of 64 MiB", options)));
  const lines = rows.map(([what, value]) => `| ${what} | ${value} |\n`);
  process.stdout.write(`| | |\n| --- | --- |\n${lines.join("")}`);
}

type Row = readonly [what: string, value: string];

function sizes(archive: string, one: { readonly image: Image; readonly rootfs: string }): Row[] {
  const { image, rootfs } = one;
  const files = listTree(rootfs).filter(({ kind }) => kind === "file");
  const bytes = files.reduce((sum, { path }) => sum + statSync(join(rootfs, path)).size, 0);
  const layer = execFileSync("tar", ["-xOf", archive, ...image.layers], { maxBuffer: 2 ** 30 });
  const plain = execFileSync("gzip", ["-d"], { input: layer, maxBuffer: 2 ** 30 });
  const zstd = ZSTD_LEVELS.map((level): Row => {
    const packed = execFileSync("zstd", ["-q", level, "-T0"], { input: plain, maxBuffer: 2 ** 30 });
    return [`image as pushed, zstd ${level}`, mib(packed.length)];
  });
  return [
    ["image, unpacked", mib(bytes)],
    ["of that the executable", mib(statSync(join(rootfs, "nodens")).size)],
    ["image as pushed, gzip", mib(image.layerBytes)],
    ...zstd,
  ];
}

async function starts(rootfs: string): Promise<Row[]> {
  const times: { readonly container: number[]; readonly cold: number[] } = {
    container: [],
    cold: [],
  };
  for (let start = 0; start < STARTS; start++) {
    for (const kind of ["cold", "container"] as const) {
      if (kind === "cold") forgetFiles(rootfs);
      times[kind].push(await inLab((lab, ending) => timeToAnswer(lab, ending, rootfs)));
    }
  }
  return [
    ["`runc run` to the first answer, median of 7", ms(median(times.container))],
    ["the same, nothing of the image in memory", ms(median(times.cold))],
  ];
}

async function timeToAnswer(lab: Lab, ending: Ending, rootfs: string): Promise<number> {
  // The pod's first packet waits for proxy ARP, which answers at random within 0.8 s.
  await lab.ask("pod", { address: KUBE_DNS_ENDPOINTS[0]![4], name: "hit-first.example.org" });
  const container = await Container.start(ending, preparePod(ending, lab).spec(rootfs));
  await lab.untilIntercepting(container, [CLUSTER_IP[4]]);
  return monotonicMs() - container.startedMs;
}

/** Idle, and after a flood of names. */
async function memory(rootfs: string, name: string, options: PodOptions): Promise<Row[]> {
  forgetFiles(rootfs);
  return inLab(async (lab, ending) => {
    await startResponder(lab);
    const pod = preparePod(ending, lab, { ...options, nameserver: RESPONDER });
    const container = await Container.start(ending, pod.spec(rootfs));
    await until("it intercepts", () => container.log().includes("intercepting "));
    await delay(IDLE_MS);
    const idle = describeMemory(container);
    await flood(lab);
    const full = describeMemory(container);
    const { group } = container;
    const kills = `${mib(group.memoryPeakBytes())}, ${group.oomKillCount()} kills`;
    await container.stop();
    return [
      [`${name}: idle`, idle],
      [`${name}: after 300,000 names`, full],
      [`${name}: peak of the control group, limit 192 MiB`, kills],
    ];
  });
}

function describeMemory({ pid, group }: Container): string {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (field: string) => {
    return mib(Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) * 1024);
  };
  const all = `${mib(group.memoryHeldBytes())} held, ${mib(group.memoryBytes())} with all files`;
  return `RSS ${of("VmRSS")} (${of("RssAnon")} and ${of("RssFile")} of files); group ${all}`;
}

async function inLab<Result>(body: (lab: Lab, ending: Ending) => Promise<Result>): Promise<Result> {
  const ending = endByHand();
  try {
    return await body(await createLab(ending), ending);
  } finally {
    await ending.end();
  }
}

/** As on a node that has not run it yet: pages of the image are read, and counted, anew. */
function forgetFiles(rootfs: string): void {
  for (const { path, kind } of listTree(rootfs)) {
    if (kind !== "file") continue;
    const words = [`if=${join(rootfs, path)}`, "iflag=nocache", "count=0"];
    execFileSync("dd", words, { stdio: "ignore" });
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

await main();

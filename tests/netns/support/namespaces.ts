/**
 * Network namespaces: their names, how programs get into them, and their end. A name holds the
 * process that made it, so that what a killed run has left is known and removed by the next one.
 */

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { until } from "../../support/until.ts";

/** `pod` is a client, `node` the machine it runs on, `cluster` all the rest. */
export const PLACES = ["pod", "node", "cluster"] as const;
export type Place = (typeof PLACES)[number];
export type PlaceNames = Readonly<Record<Place, string>>;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Written to its standard input. */
  readonly input?: string;
  /** It is killed after this. Default 20,000. */
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
}

const NAME = new RegExp(`^nodens-(\\d+)-\\d+-(?:${PLACES.join("|")})$`);
const NAMESPACES = "/run/netns";
/** `ip netns exec` mounts what is in a folder of the namespace's name here over `/etc`. */
const ETC = "/etc/netns";
const RUN_TIMEOUT_MS = 20_000;

let madeCount = 0;

/** @throws {Error} when this process may not make namespaces. */
export function needRoot(what: string): void {
  if (process.getuid?.() === 0) return;
  throw new Error(`Cannot ${what}: making network namespaces needs root: run it with sudo`);
}

/** Names that no other run has. */
export function newNames(): PlaceNames {
  const number = ++madeCount;
  const named = PLACES.map((place) => [place, `nodens-${process.pid}-${number}-${place}`]);
  return Object.fromEntries(named) as Record<Place, string>;
}

/** The words before a command that bring it into a namespace. */
export function enter(name: string): string[] {
  return ["ip", "netns", "exec", name];
}

/** Runs a program to its end; 127 where it cannot be started. Never rejects. */
export function attempt(
  words: readonly [program: string, ...args: string[]],
  options: RunOptions = {},
): Promise<Finished> {
  const [program, ...args] = words;
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      {
        encoding: "utf8",
        timeout: options.timeoutMs ?? RUN_TIMEOUT_MS,
        killSignal: "SIGKILL",
        maxBuffer: 64 << 20,
        env: options.env ?? process.env,
      },
      (error, stdout, stderr) => {
        const isMissing = error !== null && child.pid === undefined;
        const code = isMissing ? 127 : child.exitCode;
        resolve({ code, stdout, stderr: isMissing ? String(error.message) : stderr });
      },
    );
    // A program that ends without reading its input is not our failure.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

/** What the program wrote. @throws {Error} with its complaint, when it ends with anything but 0. */
export async function run(
  words: readonly [program: string, ...args: string[]],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await attempt(words, options);
  if (code === 0) return stdout;
  const why = (stderr || stdout).trim() || `it ended with ${code}`;
  throw new Error(`Cannot run ${words.join(" ").slice(0, 200)}: ${why}`);
}

/** Files that programs in the namespace find in `/etc`, `resolv.conf` for example. */
export function writeEtcFile(name: string, file: string, text: string): void {
  mkdirSync(`${ETC}/${name}`, { recursive: true });
  writeFileSync(`${ETC}/${name}/${file}`, text);
}

export async function processesIn(name: string): Promise<number[]> {
  if (!existsSync(`${NAMESPACES}/${name}`)) return [];
  const { stdout } = await attempt(["ip", "netns", "pids", name]);
  return stdout.split("\n").filter(Boolean).map(Number);
}

/** Ends whoever is in the namespace, and removes it and its files. */
export async function removeNamespace(name: string): Promise<void> {
  await until(`namespace ${name} is empty`, async () => {
    const pids = await processesIn(name);
    for (const pid of pids) killIfThere(pid);
    return pids.length === 0;
  });
  rmSync(`${ETC}/${name}`, { recursive: true, force: true });
  try {
    rmdirSync(ETC);
  } catch {
    // Not there, or others have something in it.
  }
  if (existsSync(`${NAMESPACES}/${name}`)) await run(["ip", "netns", "del", name]);
}

/** Namespaces whose makers are gone: what a killed test has left. */
export async function removeLeftovers(): Promise<void> {
  if (!existsSync(NAMESPACES)) return;
  for (const name of readdirSync(NAMESPACES)) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      await removeNamespace(name);
    } catch {
      // Another run is at it.
    }
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
  }
}

/**
 * Which iptables a node uses. There are two, nft and legacy, with rules of their own in the kernel;
 * ours must be in the one that kube-proxy and the CNI plugin use.
 *
 * kubelet leaves chains as hints; they are read as the images of kube-proxy read them.
 */

import { readFileSync } from "node:fs";
import { type CommandResult, type Commands, systemCommands } from "../sys/commands.ts";
import { NetError } from "./lease.ts";
import type { Family } from "./settings.ts";

export type BackendName = "nft" | "legacy";

/** The programs of one backend; `plain` where they have no names of their own. */
export interface Backend {
  readonly name: BackendName;
  readonly isPlain: boolean;
}

/** What the machine has: programs to run, and files of /proc. */
export interface Machine {
  readonly commands: Commands;
  /** `null` when there is no such file. */
  readFile(path: string): string | null;
}

export const systemMachine: Machine = { commands: systemCommands, readFile: readSystemFile };

const HINTS = /^:KUBE-(?:IPTABLES-HINT|KUBELET-CANARY) /m;
const FAMILIES: readonly Family[] = [4, 6];

/** `iptables-nft-save`, `ip6tables-legacy-restore`, `iptables-save`. */
export function programOf(backend: Backend, family: Family, verb: "save" | "restore"): string {
  const base = family === 4 ? "iptables" : "ip6tables";
  return backend.isPlain ? `${base}-${verb}` : `${base}-${backend.name}-${verb}`;
}

/** Backends whose programs are installed, nft first. */
export function installedBackends({ commands }: Machine): Backend[] {
  const named = (["nft", "legacy"] as const).map((name) => ({ name, isPlain: false }));
  return named.filter((backend) =>
    FAMILIES.some((family) => commands.has(programOf(backend, family, "save"))),
  );
}

/**
 * All there are; where programs have no names of their own, the one that they stand for.
 *
 * @throws {NetError} when there is none.
 */
export async function allBackends(machine: Machine): Promise<Backend[]> {
  const installed = installedBackends(machine);
  return installed.length > 0 ? installed : [await plainBackend(machine)];
}

/**
 * The backend to use.
 *
 * @throws {NetError} when there is none.
 */
export async function detectBackend(machine: Machine): Promise<Backend> {
  const installed = await allBackends(machine);
  if (installed.length === 1) return installed[0];
  const working: Backend[] = [];
  for (const backend of installed) {
    const sight = await lookForHint(machine, backend);
    if (sight === "hint") return backend;
    if (sight === "none") working.push(backend);
  }
  return working[0] ?? installed[0];
}

/**
 * Tables that exist in legacy, by the kernel's list of this network namespace. To ask legacy for
 * any other would make it, and a table that exists costs every packet.
 */
export function legacyTables(machine: Machine, family: Family): string[] {
  const path = family === 4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names";
  return (machine.readFile(path) ?? "").split("\n").filter((name) => name !== "");
}

/**
 * `broken` where the kernel lacks what the programs need; any other failure says nothing about
 * that, and shows again when rules are read.
 *
 * @throws {NetError} when a program hangs: a choice made without it might be wrong, and would stay.
 */
async function lookForHint(
  machine: Machine,
  backend: Backend,
): Promise<"hint" | "none" | "broken"> {
  const families = FAMILIES.filter(
    (family) => backend.name === "nft" || legacyTables(machine, family).includes("mangle"),
  );
  const results = await Promise.all(
    families.map((family) =>
      machine.commands.run(programOf(backend, family, "save"), ["-t", "mangle"]),
    ),
  );
  if (results.some(({ stdout }) => HINTS.test(stdout))) return "hint";
  if (results.some(({ timedOut }) => timedOut)) {
    const problem = `the programs of iptables-${backend.name} do not end`;
    throw new NetError("iptables", `Cannot set up iptables rules: ${problem}: it is tried again`);
  }
  const isBroken = ({ code, stderr }: CommandResult) => code !== 0 && /not supported/i.test(stderr);
  return results.length > 0 && results.every(isBroken) ? "broken" : "none";
}

async function plainBackend({ commands }: Machine): Promise<Backend> {
  if (!commands.has("iptables-save") && !commands.has("ip6tables-save")) {
    const problem = "neither iptables-nft nor iptables-legacy is installed";
    const wayOut = "install the package iptables, or start with -setupiptables=false";
    throw new NetError("iptables", `Cannot set up iptables rules: ${problem}: ${wayOut}`);
  }
  const { stdout } = await commands.run("iptables", ["--version"]);
  return { name: stdout.includes("nf_tables") ? "nft" : "legacy", isPlain: true };
}

function readSystemFile(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

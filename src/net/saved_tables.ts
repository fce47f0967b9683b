/**
 * The text of `iptables-save` for one table: of both families, and of both backends where
 * installed.
 */

import type { Commands } from "../sys/commands.ts";
import type { Family } from "./settings.ts";

export interface SavedTable {
  readonly family: Family;
  readonly backend: "nft" | "legacy";
  /** Empty when the table is empty, does not exist or cannot be read. */
  readonly text: string;
  /** Why it cannot be read, as a sentence; null is "it was". */
  readonly problem: string | null;
}

export interface SavedTablesMachine {
  readonly commands: Commands;
  readonly readFile: (path: string) => string | null;
}

const FAMILIES: readonly Family[] = [4, 6];
const BACKENDS = ["nft", "legacy"] as const;

/** Reads `table` wherever it is. Never throws, and never makes a table that was not there. */
export async function savedTables(
  machine: SavedTablesMachine,
  table: string,
): Promise<SavedTable[]> {
  const found = FAMILIES.flatMap((family) => programsOf(machine, family));
  if (found.length === 0) {
    const problem = "Cannot read iptables rules: iptables-save: not found: install iptables";
    return [{ family: 4, backend: "nft", text: "", problem }];
  }
  return await Promise.all(found.map((program) => saveTable(machine, program, table)));
}

interface SaveProgram {
  readonly family: Family;
  readonly backend: "nft" | "legacy";
  readonly name: string;
}

function programsOf({ commands }: SavedTablesMachine, family: Family): SaveProgram[] {
  const base = family === 4 ? "iptables" : "ip6tables";
  const programs = BACKENDS.map((backend) => ({
    ...{ family, backend, name: `${base}-${backend}-save` },
  })).filter(({ name }) => commands.has(name));
  if (programs.length > 0 || !commands.has(`${base}-save`)) return programs;
  // One without a second name. As nft it makes no tables by being asked, as legacy it might.
  return [{ family, backend: "nft", name: `${base}-save` }];
}

async function saveTable(
  { commands, readFile }: SavedTablesMachine,
  { family, backend, name }: SaveProgram,
  table: string,
): Promise<SavedTable> {
  if (backend === "legacy") {
    // To ask legacy for a table makes it, and a table that exists costs every packet.
    const names = readFile(`/proc/net/ip${family === 4 ? "" : "6"}_tables_names`) ?? "";
    if (!names.split("\n").includes(table)) return { family, backend, text: "", problem: null };
  }
  const { code, stdout, stderr, timedOut } = await commands.run(name, ["-t", table]);
  if (code === 0) return { family, backend, text: stdout, problem: null };
  const why = timedOut
    ? "it took too long"
    : stderr.trim().split("\n")[0] || `it ended with ${code}`;
  const problem = `Cannot read iptables rules: ${name} -t ${table}: ${why}`;
  return { family, backend, text: "", problem };
}

/** The text of `iptables-save` for one table, of both families and all backends installed. */

import {
  type Backend,
  detectBackend,
  installedBackends,
  legacyTables,
  type Machine,
  programOf,
} from "./iptables_backend.ts";
import type { Family } from "./settings.ts";

export interface SavedTable {
  readonly family: Family;
  readonly backend: Backend["name"];
  /** Empty when the table is empty, does not exist or cannot be read. */
  readonly text: string;
  /** Why it cannot be read, as a sentence; null is "it was". */
  readonly problem: string | null;
}

const FAMILIES: readonly Family[] = [4, 6];

/** Reads `table` wherever it is. Never rejects, and never makes a table that was not there. */
export async function savedTables(machine: Machine, table: string): Promise<SavedTable[]> {
  const backends = installedBackends(machine);
  if (backends.length === 0) {
    try {
      backends.push(await detectBackend(machine));
    } catch {
      const problem = "Cannot read iptables rules: iptables-save: not found: install iptables";
      return [{ family: 4, backend: "nft", text: "", problem }];
    }
  }
  const sought = FAMILIES.flatMap((family) => backends.map((backend) => ({ family, backend })));
  const installed = sought.filter(({ family, backend }) =>
    machine.commands.has(programOf(backend, family, "save")),
  );
  return await Promise.all(
    installed.map(({ family, backend }) => saveTable(machine, { family, backend, table })),
  );
}

async function saveTable(
  machine: Machine,
  { family, backend, table }: { family: Family; backend: Backend; table: string },
): Promise<SavedTable> {
  const { name } = backend;
  if (name === "legacy" && !legacyTables(machine, family).includes(table)) {
    return { family, backend: name, text: "", problem: null };
  }
  const program = programOf(backend, family, "save");
  const { code, stdout, stderr, timedOut } = await machine.commands.run(program, ["-t", table]);
  if (code === 0) return { family, backend: name, text: stdout, problem: null };
  const [line] = stderr.trim().split("\n");
  const why = timedOut ? "it took too long" : line || `it ended with ${code}`;
  const problem = `Cannot read iptables rules: ${program} -t ${table}: ${why}`;
  return { family, backend: name, text: "", problem };
}

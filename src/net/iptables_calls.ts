/** One call of `iptables-save` or `iptables-restore`, and what its failure means. */

import type { CommandResult } from "../sys/commands.ts";
import { type Backend, legacyTables, type Machine, programOf } from "./iptables_backend.ts";
import { parseSavedRules, type SavedRule } from "./iptables_text.ts";
import { NetError } from "./lease.ts";
import { type RulePlan, restoreText } from "./plan_rules.ts";
import type { Family } from "./settings.ts";

/** Where and how to call. */
export interface Caller {
  readonly machine: Machine;
  readonly backend: Backend;
  /** How long iptables itself waits for the lock that others hold. */
  readonly lockWaitSec: number;
  /** A call that takes longer is ended. Above the wait for the lock. */
  readonly timeoutMs: number;
}

/** The machine has no such family: IPv6 is switched off, or the programs for it are missing. */
export class FamilyAbsentError extends NetError {}

/** iptables refused the text, perhaps because a rule to be removed is gone already. */
export class RefusedError extends NetError {}

const ABSENT = /can't initialize|table does not exist|failed to initialize|not supported/i;
const FORBIDDEN = /permission denied|must be root|not permitted/i;
/** Legacy says no more than this, whether it may not or the kernel lacks the table. */
const NO_TABLE = /unable to initialize table/;
const LOCKED = /holding the xtables lock/;
const NOT_FOUND_CODE = 127;

/**
 * Rules of these tables, by table; those that do not exist are empty.
 *
 * @param isWanted looks at lines, as that of `parseSavedRules`.
 * @throws {FamilyAbsentError}
 * @throws {NetError}
 */
export async function readRules(
  caller: Caller,
  family: Family,
  request: { tables: readonly string[]; isWanted: (line: string) => boolean },
): Promise<SavedRule[]> {
  const { machine, backend, timeoutMs } = caller;
  const program = programOf(backend, family, "save");
  const existing = backend.name === "legacy" ? legacyTables(machine, family) : request.tables;
  const tables = request.tables.filter((table) => existing.includes(table));
  const rules = await Promise.all(
    tables.map(async (table) => {
      const result = await machine.commands.run(program, ["-t", table], { timeoutMs });
      if (result.code !== 0) throw failure(caller, program, result);
      return parseSavedRules(result.stdout, family, request.isWanted);
    }),
  );
  return rules.flat();
}

/**
 * Carries out a plan, each table as a whole; a failure leaves earlier tables done.
 *
 * @throws {RefusedError} when another look and try may help.
 * @throws {NetError}
 */
export async function applyPlan(caller: Caller, family: Family, plan: RulePlan): Promise<void> {
  const { machine, backend, lockWaitSec, timeoutMs } = caller;
  const input = restoreText(plan);
  if (input === "") return;
  const program = programOf(backend, family, "restore");
  const args = ["--noflush", "-w", String(lockWaitSec)];
  const result = await machine.commands.run(program, args, { input, timeoutMs });
  if (result.code !== 0) throw failure(caller, program, result, input);
}

function failure(caller: Caller, program: string, result: CommandResult, input = ""): NetError {
  const { code, stderr, timedOut } = result;
  const because = (problem: string) => `Cannot set up iptables rules: ${problem}`;
  if (timedOut) {
    const limit = `${program} did not end within ${caller.timeoutMs / 1_000} s`;
    return new NetError("iptables", because(`${limit}: it was killed and is tried again`));
  }
  if (LOCKED.test(stderr)) {
    const wait = `for more than ${caller.lockWaitSec} s`;
    const problem = `another program is holding the xtables lock ${wait}: it is tried again`;
    return new NetError("iptables_lock", because(problem));
  }
  if (code === NOT_FOUND_CODE) {
    const wayOut = "install the package iptables, or start with -setupiptables=false";
    const problem = because(`${program} cannot be run: ${firstLine(stderr)}: ${wayOut}`);
    return new FamilyAbsentError("iptables", problem);
  }
  if (FORBIDDEN.test(stderr)) {
    const problem = `${program} may not: ${firstLine(stderr)}: run with the capability NET_ADMIN`;
    return new NetError("iptables", because(problem));
  }
  if (NO_TABLE.test(stderr)) {
    const wayOut = "run with the capability NET_ADMIN, on a kernel that has the table";
    return new NetError("iptables", because(`${program} failed: ${firstLine(stderr)}: ${wayOut}`));
  }
  const problem = because(`${program} failed: ${firstLine(stderr)}${quotedLine(stderr, input)}`);
  if (input !== "" || !ABSENT.test(stderr)) return new RefusedError("iptables", problem);
  const family = program.startsWith("ip6") ? "IPv6" : "IPv4";
  const wayOut = `leave ${family} addresses out of -localip`;
  return new FamilyAbsentError("iptables", `${problem}: ${wayOut}`);
}

/** Without the name and version that iptables puts before it. */
function firstLine(stderr: string): string {
  const [line] = stderr.split("\n").filter((text) => text.trim() !== "");
  if (line === undefined) return "it says nothing";
  return line.replace(/^ip6?tables\S*(?: v\S+ \(\w+\))?: /, "").replace(/\.$/, "");
}

/** The line of the text that iptables stopped at, when it is a rule. */
function quotedLine(stderr: string, input: string): string {
  const number = /\bline:? ([0-9]+)/.exec(stderr)?.[1];
  const line = number === undefined ? undefined : input.split("\n")[Number(number) - 1];
  return line?.startsWith("-") ? `: ${line}` : "";
}

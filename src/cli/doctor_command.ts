/** `nodens doctor`: what on this machine stands in the way of interception, and the way out. */

import { examine } from "../net/doctor.ts";
import { type Facts, type Finding, systemFacts } from "../net/doctor_facts.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_FAILED, EXIT_STOPPED } from "./usage_error.ts";

export interface DoctorOptions {
  /** Canonical; may be empty. */
  readonly addresses: readonly string[];
  readonly interfaceName: string;
  readonly json: boolean;
  /** @default {systemFacts} */
  readonly facts?: Facts;
}

const LEVEL_COLUMNS = 4;

/** Prints a line per check; returns 0 when nothing is bad, and 1 otherwise. */
export async function doctorCommand(options: DoctorOptions, terminal: Terminal): Promise<number> {
  const { addresses, interfaceName, json, facts = systemFacts } = options;
  const findings = await examine(facts, { addresses, interfaceName });
  const isGood = findings.every(({ level }) => level !== "bad");
  if (json) {
    terminal.out(JSON.stringify({ ok: isGood, checks: findings }, null, 2));
  } else {
    for (const finding of findings) terminal.out(describe(finding));
  }
  return isGood ? EXIT_STOPPED : EXIT_FAILED;
}

function describe({ level, what, found, fix }: Finding): string {
  const line = `${level.padEnd(LEVEL_COLUMNS)}  ${what}: ${found}`;
  return fix === null ? line : `${line}\n${" ".repeat(LEVEL_COLUMNS + 2)}${fix}`;
}

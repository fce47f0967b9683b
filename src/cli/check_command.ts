/** `nodens check [FILE]`: everything that is wrong with a Corefile, without starting anything. */

import { compilePlan } from "../config/compile.ts";
import { DEFAULT_COREFILE, loadConfig } from "../config/load.ts";
import { locateProblem, type Problem } from "../config/problem.ts";
import { type ConfigSource, systemSource } from "../config/source.ts";
import type { Plan } from "../handoff/plan.ts";
import { formatEndpoint } from "../std/ip_address.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_STOPPED, EXIT_USAGE } from "./usage_error.ts";

export interface CheckOptions {
  /** `null` is `./Corefile`. */
  readonly file: string | null;
  readonly dnsPort: number;
  readonly json: boolean;
  /** @default {systemSource} */
  readonly source?: ConfigSource;
}

/** Prints all problems; returns 0 without errors and 2 with any. */
export function checkCommand(options: CheckOptions, terminal: Terminal): number {
  const { file, dnsPort, json, source = systemSource } = options;
  const { config, problems } = loadConfig({ confFile: file, dnsPort, source });
  const name = file ?? DEFAULT_COREFILE;
  if (json) {
    const result = { file: name, ok: config !== null, problems };
    terminal.out(JSON.stringify(result, null, 2));
  } else {
    printProblems(problems, terminal);
    const plan = config === null ? null : compilePlan(config, 1);
    terminal.out(`${name}: ${plan === null ? "cannot be used" : `good: ${describe(plan)}`}`);
  }
  return config === null ? EXIT_USAGE : EXIT_STOPPED;
}

/** Errors first, then warnings, each group under its number. */
export function printProblems(problems: readonly Problem[], terminal: Pick<Terminal, "out">): void {
  for (const severity of ["error", "warning"] as const) {
    const group = problems.filter((problem) => problem.severity === severity);
    if (group.length === 0) continue;
    terminal.out(`${group.length} ${severity}${group.length === 1 ? "" : "s"}:`);
    for (const problem of group) terminal.out(locateProblem(problem));
    terminal.out("");
  }
}

function describe(plan: Plan): string {
  const blocks = `${plan.views.length} server block${plan.views.length === 1 ? "" : "s"}`;
  const endpoints = plan.listeners.map(({ address, port }) => formatEndpoint(address, port));
  return `${blocks} on ${endpoints.join(", ")}`;
}

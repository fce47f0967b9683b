/** `nodens check [FILE]`: everything that is wrong with a Corefile, without starting anything. */

import { compilePlan } from "../config/compile.ts";
import { createInputs, inputsOptions } from "../config/inputs.ts";
import type { InputsOptions } from "../config/inputs_reading.ts";
import { locateProblem, type Problem } from "../config/problem.ts";
import type { RunOptions } from "../config/run_options.ts";
import type { Plan } from "../handoff/plan.ts";
import { formatEndpoint } from "../std/ip_address.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_STOPPED, EXIT_USAGE } from "./usage_error.ts";

export interface CheckOptions {
  /** What the server would read. */
  readonly inputs: InputsOptions;
  readonly json: boolean;
}

/**
 * What is read with the flags of the server; nothing is written.
 *
 * @param file a Corefile to check in place of the one, or the template, that flags name.
 */
export function checkedInputs(options: RunOptions, file: string | null): InputsOptions {
  const inputs = { ...inputsOptions(options), isWritten: false };
  return file === null ? inputs : { ...inputs, confFile: file, defaultTemplate: null };
}

/** Prints all problems; returns 0 without errors and 2 with any. */
export async function checkCommand(options: CheckOptions, terminal: Terminal): Promise<number> {
  const { inputs, json } = options;
  const { file, config, problems } = await createInputs(inputs).read();
  const isGood = problems.every(({ severity }) => severity !== "error");
  if (json) {
    terminal.out(JSON.stringify({ file, ok: isGood, problems }, null, 2));
  } else {
    printProblems(problems, terminal);
    const verdict = isGood ? "good" : "can be used, but not all of its values";
    const plan = config === null ? null : compilePlan(config, 1);
    const result = plan === null ? "cannot be used" : `${verdict}: ${describe(plan)}`;
    terminal.out(`${file}: ${result}`);
  }
  return isGood ? EXIT_STOPPED : EXIT_USAGE;
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

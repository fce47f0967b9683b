/** From the words of the command line to an exit code. */

import { nearestWord } from "../std/nearest_word.ts";
import { parseFlags } from "./go_flags.ts";
import { RUN_FLAGS, readRunOptions } from "./run_flags.ts";
import { systemTerminal, type Terminal } from "./terminal.ts";
import { EXIT_FAILED, EXIT_STOPPED, EXIT_USAGE, UsageError } from "./usage_error.ts";

const COMMANDS = [
  "run",
  "check",
  "config",
  "fmt",
  "query",
  "rules",
  "status",
  "cleanup",
  "doctor",
  "install",
  "uninstall",
  "resolver",
  "version",
  "help",
];

/**
 * Runs what `args` ask for: the server when the first word is no command.
 *
 * Never throws: whatever goes wrong is one clear line on standard error, and the exit code says
 * whether it failed (1) or was asked for wrongly (2).
 */
export async function runCommandLine(
  args: readonly string[],
  terminal: Terminal = systemTerminal,
): Promise<number> {
  try {
    const [first, ...rest] = args;
    if (first === "run") return await start(rest, terminal);
    if (first === undefined || first.startsWith("-")) return await start(args, terminal);
    if (!COMMANDS.includes(first)) throw unknownCommand(first);
    const { runProgram } = await import("./program.ts");
    return await runProgram(args, terminal);
  } catch (error) {
    return await report(error, terminal);
  }
}

async function start(args: readonly string[], terminal: Terminal): Promise<number> {
  const parsed = parseFlags(args, RUN_FLAGS);
  if (parsed.values.get("help") === true) {
    const { programHelp } = await import("./program.ts");
    terminal.out(programHelp());
    return EXIT_STOPPED;
  }
  if (parsed.values.get("version") === true || parsed.values.get("plugins") === true) {
    const { runProgram } = await import("./program.ts");
    const plugins = parsed.values.get("plugins") === true ? ["-plugins"] : [];
    return await runProgram(["version", ...plugins], terminal);
  }
  const [operand] = parsed.operands;
  if (operand !== undefined) {
    throw new UsageError(`Unexpected "${operand}": a Corefile is named with -conf FILE`);
  }
  const { runCommand } = await import("./run_command.ts");
  return await runCommand(readRunOptions(parsed));
}

function unknownCommand(name: string): UsageError {
  const nearest = nearestWord(name, COMMANDS);
  const hint = nearest === null ? "see nodens help" : `did you mean "${nearest}"?`;
  return new UsageError(`Unknown command "${name}": ${hint}`);
}

async function report(error: unknown, terminal: Terminal): Promise<number> {
  if (error instanceof UsageError) {
    terminal.error(`nodens: ${error.message}`);
    return EXIT_USAGE;
  }
  const { ConfigError } = await import("../config/problem.ts");
  if (error instanceof ConfigError) {
    const { printProblems } = await import("./check_command.ts");
    printProblems(error.problems, { out: (text) => terminal.error(text) });
    terminal.error("nodens: Cannot start with this configuration");
    return EXIT_USAGE;
  }
  terminal.error(`nodens: ${error instanceof Error ? error.message : String(error)}`);
  return EXIT_FAILED;
}

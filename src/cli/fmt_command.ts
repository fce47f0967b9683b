/** `nodens fmt [FILE...]`: Corefiles in one layout. */

import { chmodSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { formatCorefile } from "../config/format.ts";
import { DEFAULT_COREFILE } from "../config/load.ts";
import { type ConfigSource, systemSource } from "../config/source.ts";
import { printProblems } from "./check_command.ts";
import type { FmtOptions } from "./fmt_flags.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_FAILED, EXIT_STOPPED, EXIT_USAGE } from "./usage_error.ts";

/** What `fmtCommand` reads from and writes to. */
export interface FmtFiles {
  readonly source: Pick<ConfigSource, "readFile">;
  /** Replaces a file as a whole. */
  write(file: string, text: string): void;
}

export const systemFiles: FmtFiles = { source: systemSource, write: replaceFile };

/**
 * Formats each file. Returns 0 when all went well, 1 when one is not formatted (with `check`) or
 * cannot be written, and 2 when one cannot be read or parsed.
 */
export function fmtCommand(
  { files, mode }: FmtOptions,
  terminal: Terminal,
  { source, write }: FmtFiles = systemFiles,
): number {
  let exitCode = EXIT_STOPPED;
  for (const file of files.length === 0 ? [DEFAULT_COREFILE] : files) {
    const text = read(file, source, terminal);
    const formatted = text === null ? null : format(text, file, terminal);
    if (text === null || formatted === null) {
      exitCode = EXIT_USAGE;
    } else if (mode === "print") {
      if (formatted !== "") terminal.out(formatted.replace(/\n$/, ""));
    } else if (formatted !== text && mode === "check") {
      terminal.out(`${file}:${firstDifference(text, formatted)}: not formatted`);
      exitCode = Math.max(exitCode, EXIT_FAILED);
    } else if (formatted !== text) {
      try {
        write(file, formatted);
        terminal.out(`${file}: formatted`);
      } catch (error) {
        terminal.error(`nodens: Cannot write ${file}: ${(error as Error).message}`);
        exitCode = Math.max(exitCode, EXIT_FAILED);
      }
    }
  }
  return exitCode;
}

function read(file: string, source: FmtFiles["source"], terminal: Terminal): string | null {
  try {
    return source.readFile(file === "-" ? "stdin" : file);
  } catch (error) {
    terminal.error(`nodens: Cannot read ${file}: ${(error as Error).message}`);
    return null;
  }
}

function format(text: string, file: string, terminal: Terminal): string | null {
  const { text: formatted, problems } = formatCorefile(text, file);
  printProblems(problems, { out: (line) => terminal.error(line) });
  if (formatted === null) terminal.error(`nodens: Cannot format ${file}: it cannot be parsed`);
  return formatted;
}

/** The first line that is not as it should be, from 1. */
function firstDifference(text: string, formatted: string): number {
  const [found, wanted] = [text.split("\n"), formatted.split("\n")];
  const index = wanted.findIndex((line, at) => line !== found[at]);
  return index < 0 ? wanted.length : index + 1;
}

/** A reader sees the old text or the new one; what a link leads to is replaced, not the link. */
function replaceFile(file: string, text: string): void {
  const path = realpathSync(file);
  const temporary = `${path}.nodens-${process.pid}`;
  try {
    writeFileSync(temporary, text, { flag: "wx" });
    chmodSync(temporary, statSync(path).mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

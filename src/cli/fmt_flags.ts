/** Flags of `nodens fmt`. */

import type { Flag } from "./go_flags.ts";
import { UsageError } from "./usage_error.ts";

const group = "Flags";

export const FMT_FLAGS: readonly Flag[] = [
  {
    ...{ name: "write", aliases: ["w"], value: null, group },
    description: "write to the files in place of standard output",
  },
  {
    ...{ name: "check", value: null, group },
    description: "write nothing; 1 is the exit code when a file is not formatted",
  },
  { name: "help", aliases: ["h"], value: null, description: "print this", group },
];

export interface FmtOptions {
  /** Empty is `./Corefile`; `-` is standard input. */
  readonly files: readonly string[];
  readonly mode: "print" | "write" | "check";
}

/** @throws {UsageError} for what cannot be meant together. */
export function readFmtOptions(
  values: Readonly<Record<string, unknown>>,
  files: readonly string[],
): FmtOptions {
  const [write, check] = [values.write === true, values.check === true];
  if (write && check) throw new UsageError('Cannot use "-write" with "-check": expected one');
  if (write && files.includes("-")) {
    throw new UsageError('Cannot use "-write" with standard input: expected a file');
  }
  return { files, mode: write ? "write" : check ? "check" : "print" };
}

#!/usr/bin/env node
/**
 * The process entry: words in, exit code out. All else is behind it.
 *
 * - `src/cli/command_line.ts` decides which command the words mean.
 * - `src/agent/run.ts` is the server: configuration, workers, stop.
 *
 * Nothing is imported here that starting the server does not need.
 */

import process from "node:process";
import { runCommandLine } from "./cli/command_line.ts";
import { EXIT_FAILED } from "./cli/usage_error.ts";

// Not `await`: the executable's bundle is CommonJS, which has none at its top level.
runCommandLine(process.argv.slice(2)).then((code) => {
  // What has failed half-way may have left workers that nobody would ever stop.
  if (code === EXIT_FAILED) process.exit(code);
  process.exitCode = code;
});

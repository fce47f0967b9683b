/** `nodens config [FILE]`: what a Corefile means, with every default written out. */

import { effectiveConfigOf, effectiveConfigSchema } from "../config/effective_config.ts";
import { DEFAULT_COREFILE, loadConfig } from "../config/load.ts";
import { type ConfigSource, systemSource } from "../config/source.ts";
import { printProblems } from "./check_command.ts";
import type { ConfigOptions } from "./config_flags.ts";
import { outlineOf } from "./outline.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_STOPPED, EXIT_USAGE } from "./usage_error.ts";

/** Prints settings or their schema; problems go to standard error. Returns 2 after any error. */
export function configCommand(
  options: ConfigOptions,
  terminal: Terminal,
  source: ConfigSource = systemSource,
): number {
  const { file, dnsPort, ownAddresses, output } = options;
  if (output === "schema") {
    terminal.out(JSON.stringify(effectiveConfigSchema(), null, 2));
    return EXIT_STOPPED;
  }
  const { config, problems } = loadConfig({ confFile: file, dnsPort, ownAddresses, source });
  printProblems(problems, { out: (text) => terminal.error(text) });
  if (config === null) {
    terminal.error(`nodens: Cannot print ${file ?? DEFAULT_COREFILE}: it cannot be used`);
    return EXIT_USAGE;
  }
  const effective = effectiveConfigOf(config);
  terminal.out(output === "json" ? JSON.stringify(effective, null, 2) : outlineOf(effective));
  return EXIT_STOPPED;
}

/** `nodens config [FILE]`: what a configuration means, with every default written out. */

import { effectiveConfigOf, effectiveConfigSchema } from "../config/effective_config.ts";
import { createInputs } from "../config/inputs.ts";
import type { InputsOptions } from "../config/inputs_reading.ts";
import { printProblems } from "./check_command.ts";
import type { ConfigOutput } from "./config_flags.ts";
import { outlineOf } from "./outline.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_STOPPED, EXIT_USAGE } from "./usage_error.ts";

export interface ConfigOptions {
  /** What the server would read. */
  readonly inputs: InputsOptions;
  readonly output: ConfigOutput;
}

/** Prints settings or their schema; problems go to standard error. Returns 2 after any error. */
export async function configCommand(options: ConfigOptions, terminal: Terminal): Promise<number> {
  const { inputs, output } = options;
  if (output === "schema") {
    terminal.out(JSON.stringify(effectiveConfigSchema(), null, 2));
    return EXIT_STOPPED;
  }
  const { file, config, problems } = await createInputs(inputs).read();
  printProblems(problems, { out: (text) => terminal.error(text) });
  if (config === null) {
    terminal.error(`nodens: Cannot print ${file}: it cannot be used`);
    return EXIT_USAGE;
  }
  const effective = effectiveConfigOf(config);
  terminal.out(output === "json" ? JSON.stringify(effective, null, 2) : outlineOf(effective));
  return EXIT_STOPPED;
}

/** Flags of `nodens config`: those of the server, as for `check`, and how to print. */

import { CHECK_FLAGS } from "./check_flags.ts";
import type { Flag } from "./go_flags.ts";

const GROUP = "Flags";

export const CONFIG_FLAGS: readonly Flag[] = [
  ...CHECK_FLAGS.filter(({ name }) => name !== "json" && name !== "help"),
  { name: "json", value: null, description: "print as JSON", group: GROUP },
  {
    ...{ name: "schema", value: null, group: GROUP },
    description: "print the JSON Schema of that instead",
  },
  { name: "help", aliases: ["h"], value: null, description: "print this", group: GROUP },
];

export type ConfigOutput = "text" | "json" | "schema";

export function readConfigOutput(values: Readonly<Record<string, unknown>>): ConfigOutput {
  if (values.schema === true) return "schema";
  return values.json === true ? "json" : "text";
}

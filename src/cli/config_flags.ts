/** Flags of `nodens config`. */

import { readAddresses, readPort } from "./flag_values.ts";
import type { Flag } from "./go_flags.ts";
import { UsageError } from "./usage_error.ts";

const group = "Flags";

export const CONFIG_FLAGS: readonly Flag[] = [
  {
    ...{ name: "conf", value: "FILE", shownDefault: "./Corefile", group },
    description: "Corefile to read; the same as FILE",
    read: (text) => text,
  },
  {
    ...{ name: "dns.port", aliases: ["p"], value: "PORT", shownDefault: "53", group },
    description: "port of server blocks that name none",
    read: readPort,
  },
  {
    ...{ name: "localip", value: "IPS", description: "addresses that are taken over", group },
    read: readAddresses,
  },
  { name: "json", value: null, description: "print as JSON", group },
  { name: "schema", value: null, description: "print the JSON Schema of that instead", group },
  { name: "help", aliases: ["h"], value: null, description: "print this", group },
];

export interface ConfigOptions {
  /** `null` is `./Corefile`. */
  readonly file: string | null;
  readonly dnsPort: number;
  /** Addresses that will be taken over, canonical. */
  readonly ownAddresses: readonly string[];
  readonly output: "text" | "json" | "schema";
}

/** @throws {UsageError} when two files are named. */
export function readConfigOptions(
  values: Readonly<Record<string, unknown>>,
  operand: string | null,
): ConfigOptions {
  // Each flag's `read` gives the type that is asked for here.
  const named = (values.conf as string | undefined) ?? null;
  if (named !== null && operand !== null) {
    throw new UsageError(`Cannot print two Corefiles: expected "${named}" or "${operand}"`);
  }
  return {
    file: named ?? operand,
    dnsPort: (values["dns.port"] as number | undefined) ?? 53,
    ownAddresses: (values.localip as readonly string[] | undefined) ?? [],
    output: values.schema === true ? "schema" : values.json === true ? "json" : "text",
  };
}

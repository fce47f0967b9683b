/** Flags of `nodens status`. */

import type { LeftoverRequest } from "../net/leftovers.ts";
import { CLEANUP_FLAGS, readCleanupOptions } from "./cleanup_flags.ts";
import type { Flag } from "./go_flags.ts";

const SHARED = ["localip", "interfacename", "dns.port", "health-port", "help"];

export const STATUS_FLAGS: readonly Flag[] = [
  ...CLEANUP_FLAGS.filter(({ name }) => SHARED.includes(name)).map((flag) =>
    flag.name === "localip"
      ? { ...flag, description: "addresses to look at, beside those that are found" }
      : flag,
  ),
  { name: "json", value: null, description: "print the result as JSON", group: "Flags" },
];

export interface StatusOptions extends LeftoverRequest {
  readonly json: boolean;
}

export function readStatusOptions(values: Readonly<Record<string, unknown>>): StatusOptions {
  const { addresses, interfaceName, port, healthPort } = readCleanupOptions(values);
  return { addresses, interfaceName, port, healthPort, json: values.json === true };
}

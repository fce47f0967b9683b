/** Flags of `nodens cleanup`. */

import type { LeftoverRequest } from "../net/leftovers.ts";
import { readAddresses, readInterfaceName, readPort } from "./flag_values.ts";
import type { Flag } from "./go_flags.ts";

export const CLEANUP_FLAGS: readonly Flag[] = [
  { name: "dry-run", value: null, description: "print what would be removed", group: "Flags" },
  {
    name: "force",
    value: null,
    description: "remove although a process still uses it",
    group: "Flags",
  },
  {
    name: "localip",
    value: "IPS",
    description: "addresses that were taken over, beside those on the interface",
    group: "Flags",
    read: readAddresses,
  },
  {
    name: "interfacename",
    value: "NAME",
    description: "name of the interface",
    shownDefault: "nodelocaldns",
    group: "Flags",
    read: readInterfaceName,
  },
  {
    name: "dns.port",
    aliases: ["p"],
    value: "PORT",
    description: "port of DNS",
    shownDefault: "53",
    group: "Flags",
    read: readPort,
  },
  {
    name: "health-port",
    value: "PORT",
    description: "port of the health check",
    shownDefault: "8080",
    group: "Flags",
    read: readPort,
  },
  { name: "help", aliases: ["h"], value: null, description: "print this", group: "Flags" },
];

export interface CleanupOptions extends LeftoverRequest {
  readonly dryRun: boolean;
  readonly force: boolean;
}

export function readCleanupOptions(values: Readonly<Record<string, unknown>>): CleanupOptions {
  // Each flag's `read` gives the type that is asked for here.
  const get = <Value>(name: string, fallback: Value) => (values[name] ?? fallback) as Value;
  return {
    dryRun: get("dry-run", false),
    force: get("force", false),
    addresses: get<readonly string[]>("localip", []),
    interfaceName: get("interfacename", "nodelocaldns"),
    port: get("dns.port", 53),
    healthPort: get("health-port", 8080),
  };
}

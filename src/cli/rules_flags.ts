/** Flags of `nodens rules`. */

import type { Endpoint, LeaseKind } from "../net/settings.ts";
import { readAddresses, readEndpoints, readLease, readPort } from "./flag_values.ts";
import type { Flag } from "./go_flags.ts";
import { UsageError } from "./usage_error.ts";

export const RULES_FLAGS: readonly Flag[] = [
  {
    name: "localip",
    value: "IPS",
    description: "addresses to take over",
    group: "Flags",
    read: readAddresses,
  },
  {
    name: "dns.port",
    aliases: ["p"],
    value: "PORT",
    description: "port of DNS on them",
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
  {
    name: "lease",
    value: "KIND",
    description: "auto, tun, nft, socket or none; auto is shown as tun",
    shownDefault: "auto",
    group: "Flags",
    read: readLease,
  },
  {
    name: "fallback",
    value: "SERVERS",
    description: "who answers for link-local addresses while nobody holds them",
    group: "Flags",
    read: readEndpoints,
  },
  { name: "help", aliases: ["h"], value: null, description: "print this", group: "Flags" },
];

export interface RulesOptions {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly healthPort: number;
  readonly lease: LeaseKind;
  readonly fallback: readonly Endpoint[];
}

/** @throws {UsageError} without addresses. */
export function readRulesOptions(values: Readonly<Record<string, unknown>>): RulesOptions {
  // Each flag's `read` gives the type that is asked for here.
  const get = <Value>(name: string, fallback: Value) => (values[name] ?? fallback) as Value;
  const addresses = get<readonly string[]>("localip", []);
  if (addresses.length === 0) {
    throw new UsageError("Missing addresses to take over: expected -localip IPS");
  }
  const lease = get<"auto" | LeaseKind>("lease", "auto");
  return {
    addresses,
    port: get("dns.port", 53),
    healthPort: get("health-port", 8080),
    lease: lease === "auto" ? "tun" : lease,
    fallback: get<readonly Endpoint[]>("fallback", []),
  };
}

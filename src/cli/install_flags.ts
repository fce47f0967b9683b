/** Flags of `nodens install`, `nodens uninstall` and `nodens resolver`. */

import { readAddresses, readMemory } from "./flag_values.ts";
import type { Flag } from "./go_flags.ts";
import { UsageError } from "./usage_error.ts";

const DRY_RUN: Flag = {
  name: "dry-run",
  value: null,
  description: "print what would be done",
  group: "Flags",
};
const HELP: Flag = {
  name: "help",
  aliases: ["h"],
  value: null,
  description: "print this",
  group: "Flags",
};

export const INSTALL_FLAGS: readonly Flag[] = [
  { name: "systemd", value: null, description: "as a service of systemd", group: "Flags" },
  DRY_RUN,
  {
    name: "address",
    value: "IP",
    description: "where this machine and its containers ask; one of 127.0.0.0/8 needs no iptables",
    shownDefault: "169.254.20.10",
    group: "Flags",
    read: readAddresses,
  },
  {
    name: "memory",
    value: "SIZE",
    description: "memory of the cache",
    shownDefault: "64MiB",
    group: "Flags",
    read: (text) => {
      readMemory(text);
      return text;
    },
  },
  {
    name: "probe",
    value: "NAME",
    description: "a name that is asked for before this machine is brought to ask",
    shownDefault: ".",
    group: "Flags",
  },
  {
    name: "keep-resolver",
    value: null,
    description: "leave it to you whom this machine asks",
    group: "Flags",
  },
  HELP,
];

export const UNINSTALL_FLAGS: readonly Flag[] = [
  DRY_RUN,
  { name: "purge", value: null, description: "remove the configuration, too", group: "Flags" },
  HELP,
];

export const RESOLVER_FLAGS: readonly Flag[] = [HELP];

export interface InstallFlags {
  readonly isDryRun: boolean;
  readonly address: string;
  readonly memory: string;
  readonly probe: string;
  readonly withResolver: boolean;
}

/** @throws {UsageError} without `-systemd`, or with more than one address. */
export function readInstallFlags(values: Readonly<Record<string, unknown>>): InstallFlags {
  const get = <Value>(name: string, fallback: Value) => (values[name] ?? fallback) as Value;
  if (!get("systemd", false)) {
    throw new UsageError("Cannot install: expected -systemd, the one way there is");
  }
  const [address, ...others] = get<readonly string[]>("address", ["169.254.20.10"]);
  if (address === undefined || others.length > 0) {
    throw new UsageError('Cannot read value of "-address": expected one address');
  }
  return {
    isDryRun: get("dry-run", false),
    address,
    memory: get("memory", "64MiB"),
    probe: get("probe", "."),
    withResolver: !get("keep-resolver", false),
  };
}

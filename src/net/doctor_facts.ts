/**
 * What the doctor can look at: files, folders, devices, programs. Tests give a machine of their
 * own.
 *
 * Whatever cannot be seen, because it is not there or because of missing rights, is null. Nothing
 * here changes anything.
 */

import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { systemCommands } from "../sys/commands.ts";
import type { Machine } from "./iptables_backend.ts";

export interface Facts extends Machine {
  /** Names in a folder. */
  names(folder: string): readonly string[] | null;
  /** Where a symbolic link leads. */
  linkTarget(path: string): string | null;
  /** Number of a file in its file system. */
  inode(path: string): number | null;
  /** Opens a device and closes it again. @returns null, or the code of the error: `ENOENT`. */
  openError(path: string): string | null;
}

/** What is examined. */
export interface Subject {
  /** Addresses that are to be taken over, canonical; may be empty. */
  readonly addresses: readonly string[];
  readonly interfaceName: string;
  /** @default {53} */
  readonly port?: number;
}

export type Level = "ok" | "note" | "bad";

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  /** Two or three words. */
  readonly what: string;
  readonly found: string;
  /** What to do; null where nothing is wrong. */
  readonly fix: string | null;
}

export type Check = (facts: Facts, subject: Subject) => Finding[] | Promise<Finding[]>;

/** Bits of the capabilities in /proc/PID/status. */
const CAPABILITIES = {
  NET_BIND_SERVICE: 10,
  NET_ADMIN: 12,
  NET_RAW: 13,
  MKNOD: 27,
} as const;

export type Capability = keyof typeof CAPABILITIES;

export const CAPABILITY_NAMES = Object.keys(CAPABILITIES) as readonly Capability[];

export const systemFacts: Facts = {
  commands: systemCommands,
  readFile: (path) => attempt(() => readFileSync(path, "utf8")),
  names: (folder) => attempt(() => readdirSync(folder)),
  linkTarget: (path) => attempt(() => readlinkSync(path)),
  inode: (path) => attempt(() => statSync(path).ino),
  openError: (path) => {
    try {
      closeSync(openSync(path, "r+"));
      return null;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  },
};

export function good(what: string, found: string): Finding {
  return { level: "ok", what, found, fix: null };
}

export function note(what: string, found: string, fix: string): Finding {
  return { level: "note", what, found, fix };
}

export function bad(what: string, found: string, fix: string): Finding {
  return { level: "bad", what, found, fix };
}

/** A file with one value, without its line end. */
export function readValue(facts: Facts, path: string): string | null {
  return facts.readFile(path)?.trim() ?? null;
}

/** The capabilities of this process. */
export function capabilitiesOf(facts: Facts): ReadonlySet<Capability> {
  const hex = /^CapEff:\s*([0-9a-f]+)/m.exec(facts.readFile("/proc/self/status") ?? "")?.[1];
  const bits = BigInt(`0x${hex ?? "0"}`);
  return new Set(CAPABILITY_NAMES.filter((name) => (bits >> BigInt(CAPABILITIES[name])) & 1n));
}

/** Whether this process is root, which sees what others do not. */
export function isRoot(facts: Facts): boolean {
  return /^Uid:\s*[0-9]+\s+0\s/m.test(facts.readFile("/proc/self/status") ?? "");
}

function attempt<Value>(look: () => Value): Value | null {
  try {
    return look();
  } catch {
    return null;
  }
}

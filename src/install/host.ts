/**
 * The machine that nodens is installed on: its files, its programs, and who asks. Tests lay its
 * files out in a folder.
 */

import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { type Commands, systemCommands } from "../sys/commands.ts";

/** Folders that may have been made for our files alone. */
const OWN_FOLDERS = /\/(?:nodens|nodens\.service\.d|resolved\.conf\.d|multi-user\.target\.wants)$/;

/** What is at a path: enough to put it back as it was. */
export type Found =
  | { readonly kind: "nothing" }
  | { readonly kind: "link"; readonly target: string }
  | {
      readonly kind: "file";
      readonly base64: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

export interface Host {
  /** Where its files lie; the empty text for this very machine. */
  readonly root: string;
  readonly commands: Commands;
  /** The executable that is to be installed. */
  readonly executable: string;
  readonly isRoot: boolean;
}

export const systemHost: Host = {
  root: "",
  commands: systemCommands,
  executable: process.execPath,
  isRoot: process.getuid?.() === 0,
};

/** Something on the machine is not as it has to be; the message says what to do. */
export class InstallError extends Error {
  readonly code = "INSTALL";
  readonly retryable = true;
}

/** Text of a file, links followed; null when it cannot be read. */
export function readText(host: Host, path: string): string | null {
  try {
    return readFileSync(join(host.root, path), "utf8");
  } catch {
    return null;
  }
}

/** What is at `path` itself: a link is not followed. @throws {InstallError} for a folder. */
export function look(host: Host, path: string): Found {
  const full = join(host.root, path);
  const status = lstatSync(full, { throwIfNoEntry: false });
  if (status === undefined) return { kind: "nothing" };
  if (status.isSymbolicLink()) return { kind: "link", target: readlinkSync(full) };
  if (!status.isFile()) throw new InstallError(`Cannot replace ${path}: it is no file`);
  const base64 = readFileSync(full).toString("base64");
  return { kind: "file", base64, mode: status.mode & 0o7777, uid: status.uid, gid: status.gid };
}

/** A file of root's that all may read. */
export function fileOf(text: string, mode = 0o644): Found {
  return { kind: "file", base64: Buffer.from(text).toString("base64"), mode, uid: 0, gid: 0 };
}

/** Puts `found` at `path`, in one go: who reads at this moment sees the old or the new. */
export function put(host: Host, path: string, found: Found): void {
  const full = join(host.root, path);
  if (found.kind === "nothing") {
    rmSync(full, { force: true });
    if (OWN_FOLDERS.test(dirname(path))) removeEmpty(dirname(full));
    return;
  }
  mkdirSync(dirname(full), { recursive: true });
  const next = `${full}.nodens-new`;
  rmSync(next, { force: true });
  if (found.kind === "link") {
    symlinkSync(found.target, next);
  } else {
    // Never readable by more than in the end; the mask may have taken bits away.
    writeFileSync(next, Buffer.from(found.base64, "base64"), { mode: found.mode });
    chmodSync(next, found.mode);
    if (host.isRoot) chownSync(next, found.uid, found.gid);
  }
  renameSync(next, full);
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Somebody has something else in it.
  }
}

/** Whether two things are the same, byte by byte. */
export function isSame(one: Found, other: Found): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

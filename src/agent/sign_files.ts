/**
 * Files by which others see how far we are. They are a convenience for others, never a reason not
 * to serve: what keeps us from writing one is logged.
 */

import { rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { loggerOf } from "../log/logger.ts";
import type { Readiness } from "./readiness.ts";

const PID_FILE = "the file of the process id, -pidfile";
const READY_FILE = "the file of readiness, -readyfile";

/** Writes our process id to `file`; null for none. */
export function writePidFile(file: string | null): void {
  attempt(`write ${PID_FILE}`, file, (path) => writeFileSync(path, `${process.pid}\n`));
}

/** Removes what {@link writePidFile} has written. */
export function removePidFile(file: string | null): void {
  attempt(`remove ${PID_FILE}`, file, (path) => rmSync(path, { force: true }));
}

/**
 * Removes what a process before us has left: killed, it could not, and a volume outlives its
 * container.
 */
export function removeReadyFile(file: string | null): void {
  attempt(`remove ${READY_FILE}`, file, (path) => rmSync(path, { force: true }));
}

/**
 * Keeps `file` there, empty, for as long as we are ready; null for none.
 *
 * It is for probes of this one process. Others go by address and port, which two instances share
 * while one takes over from the other (SO_REUSEPORT): either may answer.
 */
export function keepReadyFile(file: string | null, readiness: Readiness): void {
  if (file === null) return;
  readiness.follow((missing) => {
    if (missing.length > 0) removeReadyFile(file);
    else attempt(`write ${READY_FILE}`, file, (path) => writeFileSync(path, ""));
  });
}

function attempt(what: string, file: string | null, act: (path: string) => void): void {
  if (file === null) return;
  try {
    act(file);
  } catch (error) {
    loggerOf("agent").error("{text}", { text: `Cannot ${what}: ${(error as Error).message}` });
  }
}

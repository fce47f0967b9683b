/** The file that holds our process id: a convenience for others, never a reason not to serve. */

import { rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { loggerOf } from "../log/logger.ts";

/** Writes our process id to `file`; null for none. What keeps it from that is logged. */
export function writePidFile(file: string | null): void {
  attempt("write", file, (path) => writeFileSync(path, `${process.pid}\n`));
}

/** Removes what {@link writePidFile} has written. */
export function removePidFile(file: string | null): void {
  attempt("remove", file, (path) => rmSync(path, { force: true }));
}

function attempt(what: string, file: string | null, act: (path: string) => void): void {
  if (file === null) return;
  try {
    act(file);
  } catch (error) {
    loggerOf("agent").error("{text}", {
      text: `Cannot ${what} the file of the process id, -pidfile: ${(error as Error).message}`,
    });
  }
}

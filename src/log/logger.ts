/**
 * The process's own log: `[INFO] text` lines on standard output, as CoreDNS writes them, so that
 * log shippers set up for it keep working.
 */

import process from "node:process";
import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";

const LEVEL_NAMES: Readonly<Record<string, string>> = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO",
  warning: "WARNING",
  error: "ERROR",
  fatal: "FATAL",
};

/** Sets logging up for the process. Call once. */
export function setUpLogging(): void {
  configureSync({
    sinks: { stdout: (record) => void process.stdout.write(`${formatRecord(record)}\n`) },
    loggers: [
      { category: "nodens", lowestLevel: "info", sinks: ["stdout"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stdout"] },
    ],
  });
}

/** The logger of a part of the process. */
export function loggerOf(part: string): Logger {
  return getLogger(["nodens", part]);
}

/** `[INFO] text`. */
export function formatRecord(record: LogRecord): string {
  return `[${LEVEL_NAMES[record.level] ?? record.level}] ${record.message.join("")}`;
}

/** What the kernel knows of a thread: whether it runs, and how much CPU it has had. */

import { readFileSync } from "node:fs";

/** The clock tick of /proc, the same on all architectures: sysconf(_SC_CLK_TCK). */
const TICK_MS = 10;
/** proc_pid_stat(5), counted from the field behind the name: state, …, utime, stime. */
const STATE_FIELD = 0;
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;

export interface ThreadTimes {
  /** `R` runs or wants to, `S` sleeps, `D` waits for the disk, `T` and `t` are stopped. */
  readonly state: string;
  /** User and system time, ms; in steps of 10. */
  readonly cpuMs: number;
}

/** Reads them for a thread of this process; null when it is gone. */
export function readThreadTimes(thread: number): ThreadTimes | null {
  try {
    return parseThreadTimes(readFileSync(`/proc/self/task/${thread}/stat`, "utf8"));
  } catch {
    return null;
  }
}

/** Exported for its test: the name in parentheses may hold anything. */
export function parseThreadTimes(text: string): ThreadTimes {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD]);
  return { state: fields[STATE_FIELD] ?? "", cpuMs: ticks * TICK_MS };
}

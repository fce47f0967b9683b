/** What /proc says about a process: CPU time and memory. */
import { readdirSync, readFileSync } from "node:fs";

/** Memory of a process in bytes. */
export interface MemoryBytes {
  rss: number;
  anon: number;
  shmem: number;
}

/** Nanoseconds on a core, summed over the threads that live. */
export function cpuNsOf(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8");
    sum += Number(text.split(" ")[0]);
  }
  return sum;
}

/** Resident memory: all of it, the anonymous part and the shared-memory part. */
export function memoryOf(pid: number): MemoryBytes {
  return readMemory(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Reads the text of /proc/PID/status; what is not in it is 0. */
export function readMemory(text: string): MemoryBytes {
  const bytes = (field: string): number => {
    const match = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text);
    return match === null ? 0 : Number(match[1]) * 1024;
  };
  return { rss: bytes("VmRSS"), anon: bytes("RssAnon"), shmem: bytes("RssShmem") };
}

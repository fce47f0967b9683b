/**
 * `process_*`, as Prometheus' client libraries have them: what the kernel knows of this process.
 */

import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { Family, MetricType } from "./registry.ts";

const US_PER_SEC = 1_000_000;
const MS_PER_SEC = 1000;
const BYTES_PER_KIB = 1024;

const startedSec = Date.now() / MS_PER_SEC - process.uptime();

/** Where /proc is not mounted, what it knows is left out. */
export function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  const virtual = readNumber("/proc/self/status", /^VmSize:\s*([0-9]+) kB$/m);
  const filesMax = readNumber("/proc/self/limits", /^Max open files\s+([0-9]+)/m);
  return [
    one(
      "process_cpu_seconds_total",
      "counter",
      "Total user and system CPU time spent in seconds.",
      (user + system) / US_PER_SEC,
    ),
    one("process_open_fds", "gauge", "Number of open file descriptors.", openFileCount()),
    one("process_max_fds", "gauge", "Maximum number of open file descriptors.", filesMax),
    one(
      "process_resident_memory_bytes",
      "gauge",
      "Resident memory size in bytes.",
      process.memoryUsage.rss(),
    ),
    one(
      "process_virtual_memory_bytes",
      "gauge",
      "Virtual memory size in bytes.",
      virtual === null ? null : virtual * BYTES_PER_KIB,
    ),
    one(
      "process_start_time_seconds",
      "gauge",
      "Start time of the process since unix epoch in seconds.",
      startedSec,
    ),
  ];
}

function one(name: string, type: MetricType, help: string, value: number | null): Family {
  return { name, help, type, samples: value === null ? [] : [{ labels: {}, value }] };
}

function readNumber(path: string, pattern: RegExp): number | null {
  try {
    const match = pattern.exec(readFileSync(path, "utf8"));
    return match === null ? null : Number(match[1]);
  } catch {
    return null;
  }
}

function openFileCount(): number | null {
  try {
    // Reading the list needs one more.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return null;
  }
}

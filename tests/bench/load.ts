/** Runs the load generator and reads its result. The fields are described in README.md. */
import { type ChildProcess, execFile } from "node:child_process";
import { program } from "./programs.ts";

/** Latency in µs. */
export interface LatencyUs {
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

/** The JSON line of `dnsload`. */
export interface LoadResult {
  mode: "udp" | "tcp";
  loop: "open" | "closed";
  seconds: number;
  sent: number;
  received: number;
  lost: number;
  aborted: number;
  skipped: number;
  reconnects: number;
  refused: number;
  unexpected: number;
  truncated: number;
  wrongRcode: number;
  wrongQuestion: number;
  wrongCount: number;
  wrongAddress: number;
  qps: number;
  rcodes: Record<string, number>;
  latencyUs: LatencyUs;
  sendLagUs: LatencyUs;
  own: { userSec: number; systemSec: number };
  watch?: {
    cpuNs: number;
    waitNs: number;
    userTicks: number;
    systemTicks: number;
    stealTicks: number;
    ticksPerSec: number;
    seconds: number;
  };
}

/** Options of `dnsload` by long name; `true` for one without a value. */
export type LoadOptions = Readonly<Record<string, string | number | boolean>>;

const running = new Set<ChildProcess>();

/** Ends every command that still runs; their promises reject. */
export function stopLoads(): void {
  for (const child of running) child.kill("SIGTERM");
}

/**
 * Runs one load to its end, pinned to `cpu` when that is given.
 *
 * @throws {Error} when the generator fails, with what it said.
 */
export function runLoad(options: LoadOptions, cpu?: number): Promise<LoadResult> {
  const words: string[] = [program("dnsload")];
  for (const [name, value] of Object.entries(options)) {
    if (value === false) continue;
    words.push(`--${name}`);
    if (value !== true) words.push(`${value}`);
  }
  if (cpu !== undefined) words.unshift("taskset", "-c", `${cpu}`);
  return runJson(words) as Promise<LoadResult>;
}

/** Runs a command that prints one JSON document. */
export function runJson(words: string[]): Promise<unknown> {
  return runText(words).then((text) => JSON.parse(text));
}

/** Runs a command and returns its standard output. */
export function runText(words: string[]): Promise<string> {
  const [first, ...rest] = words as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = execFile(first, rest, { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      running.delete(child);
      if (error) reject(new Error(`Cannot run ${words.join(" ")}: ${stderr || error.message}`));
      else resolve(stdout);
    });
    running.add(child);
  });
}

/** Answers that were not the right ones. */
export function wrongOf(result: LoadResult): number {
  const { wrongRcode, wrongQuestion, wrongCount, wrongAddress, unexpected } = result;
  return wrongRcode + wrongQuestion + wrongCount + wrongAddress + unexpected;
}

/** Runs the executable `dist/nodens` for tests and demonstrations, and ends what it started. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ask } from "./dns_client.ts";

/** The executable under test; `NODENS` names another one. */
export const EXECUTABLE =
  process.env.NODENS || join(import.meta.dirname, "..", "..", "dist", "nodens");

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;
const RETRY_MS = 5;

export interface NodensProcess {
  readonly pid: number;
  /** From start to the first answer. */
  readonly startMs: number;
  /** Settled when it has ended. */
  readonly ended: Promise<unknown>;
  /** Everything it wrote so far. */
  stdout(): string;
  stderr(): string;
  /** Sends `signal` and waits; returns the exit code, or null when a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the executable to its end. */
export function runNodens(parameters: readonly string[], timeoutMs = 10_000): Promise<Finished> {
  return new Promise((resolve) => {
    const child = execFile(
      EXECUTABLE,
      parameters,
      { encoding: "utf8", timeout: timeoutMs },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

/** A Corefile in a folder of its own; `remove` deletes both. */
export function writeCorefile(text: string): { readonly file: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "nodens-"));
  const file = join(folder, "Corefile");
  writeFileSync(file, text);
  return { file, remove: () => rmSync(folder, { recursive: true }) };
}

/** What was started, ready or not. */
export type LaunchedNodens = Omit<NodensProcess, "startMs"> & { readonly child: ChildProcess };

/** Starts nodens and waits for nothing; `command` is another way to run it. */
export function launchNodens(
  parameters: readonly string[],
  command: readonly string[] = [EXECUTABLE],
  environment: NodeJS.ProcessEnv = process.env,
): LaunchedNodens {
  const [program = EXECUTABLE, ...first] = command;
  const child = spawn(program, [...first, ...parameters], {
    stdio: ["ignore", "pipe", "pipe"],
    env: environment,
  });
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8");
    child[name].on("data", (text: string) => {
      written[name] += text;
    });
  }
  // "close" comes when all that it wrote has been read, too.
  const ended = once(child, "close");
  return {
    child,
    pid: child.pid ?? 0,
    ended,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const kill = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(kill);
      return child.exitCode;
    },
  };
}

/**
 * Starts nodens and waits until it answers by UDP at `port`; `command` is another way to run it.
 *
 * @throws {Error} with what it wrote on stderr, when it ends or stays silent.
 */
export async function startNodens(
  parameters: readonly string[],
  port: number,
  command?: readonly string[],
): Promise<NodensProcess> {
  const begin = performance.now();
  const launched = launchNodens(parameters, command);
  try {
    await waitForAnswer(launched.child, port, begin + START_TIMEOUT_MS);
  } catch (error) {
    await launched.stop("SIGKILL");
    throw new Error(`Cannot start nodens: ${launched.stderr().trim() || "it wrote nothing"}`, {
      cause: error,
    });
  }
  return { ...launched, startMs: performance.now() - begin };
}

async function waitForAnswer(child: ChildProcess, port: number, deadline: number): Promise<void> {
  for (;;) {
    try {
      // Any answer will do, SERVFAIL too.
      await ask(port, "ready.example.org", "A", { timeoutMs: 1_000 });
      return;
    } catch (error) {
      if (child.exitCode !== null || child.signalCode !== null) throw error;
      if (performance.now() > deadline) throw error;
      // Nobody listens yet: refused at once.
      await delay(RETRY_MS);
    }
  }
}

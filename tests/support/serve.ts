/** The executable as a server for one test: started, watched, and stopped when the test ends. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { cleanUp } from "./clean_up.ts";
import { type LaunchedNodens, launchNodens, writeCorefile } from "./nodens_process.ts";
import { until } from "./until.ts";

const START_TIMEOUT_MS = 10_000;
const STARTS_MAX = 3;

export interface ServeOptions {
  readonly parameters?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether it may write on stderr; default not. */
  readonly mayComplain?: boolean;
}

export interface Served extends LaunchedNodens {
  /** Port of the first listener: a Corefile with `.:0` has one that was free. */
  readonly port: number;
  readonly corefile: string;
  /** Lines on stdout so far. */
  lines(): string[];
}

/**
 * Starts nodens with a Corefile and waits until it says that it listens. When the test ends it must
 * still run, stop with 0, and have written nothing on stderr; unless the test has stopped it.
 *
 * @throws {Error} with what it wrote, when it ends before.
 */
export async function serve(
  context: TestContext,
  corefile: string,
  options: ServeOptions = {},
): Promise<Served> {
  const written = writeCorefile(corefile);
  cleanUp(context, () => written.remove());
  const parameters = ["-conf", written.file, ...(options.parameters ?? [])];
  const environment = { ...process.env, ...options.environment };
  for (let start = 1; ; start++) {
    const nodens = launchNodens(parameters, undefined, environment);
    await untilReady(nodens);
    if (nodens.child.exitCode !== null || nodens.child.signalCode !== null) {
      // A port that was free a moment ago may be some socket's by now.
      if (start < STARTS_MAX && /in use/.test(nodens.stderr())) continue;
      throw new Error(`Cannot start nodens: ${nodens.stdout()}${nodens.stderr()}`);
    }
    cleanUp(context, () => endOf(nodens, options));
    const port = Number(/^\[INFO\] \S+:(\d+) on /m.exec(nodens.stdout())?.[1]);
    const lines = () => nodens.stdout().split("\n").slice(0, -1);
    return { ...nodens, port, corefile: written.file, lines };
  }
}

async function untilReady(nodens: LaunchedNodens): Promise<void> {
  const { child } = nodens;
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const isReady = () => hasEnded() || /, pid \d+$/m.test(nodens.stdout());
  try {
    await until("nodens says that it listens", isReady, START_TIMEOUT_MS);
  } catch (error) {
    await nodens.stop("SIGKILL");
    throw error;
  }
  if (hasEnded()) await nodens.ended;
}

async function endOf(nodens: LaunchedNodens, options: ServeOptions): Promise<void> {
  const { child } = nodens;
  const hasEnded = child.exitCode !== null || child.signalCode !== null;
  const code = await nodens.stop();
  if (options.mayComplain !== true) assert.equal(nodens.stderr(), "");
  if (!hasEnded) assert.equal(code ?? child.signalCode, 0);
}

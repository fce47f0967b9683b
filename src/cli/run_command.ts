/** `nodens` and `nodens run`: starts the server and waits for its end. */

import type { RunAgent, RunOptions } from "../config/run_options.ts";

/** Resolves with the exit code. The server is loaded here, so that no other command pays for it. */
export async function runCommand(options: RunOptions): Promise<number> {
  const { runAgent }: { runAgent: RunAgent } = await import("../agent/run.ts");
  return await runAgent(options);
}

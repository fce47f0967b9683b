/** A program that answers a line with a line, in a namespace. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { cleanUp } from "../../support/clean_up.ts";

const ROOT = join(import.meta.dirname, "../../..");
const RUNTIMES = {
  node: ["node_modules/.bin/node", "--disable-warning=ExperimentalWarning"],
  deno: ["node_modules/.bin/deno", "run", "-A", "--no-check", "--quiet"],
};

export interface LineProcessOptions {
  readonly namespace: string;
  /** A script in tests/netns/support and its arguments. */
  readonly script: readonly string[];
  /** @default {"node"} */
  readonly runtime?: keyof typeof RUNTIMES;
  /** Put before the runtime's words, as `setpriv` and its options. */
  readonly wrapper?: readonly string[];
}

export class LineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(context: TestContext, options: LineProcessOptions) {
    const { namespace, script, runtime = "node", wrapper = [] } = options;
    const [file, ...args] = script;
    const program = [...RUNTIMES[runtime], `tests/netns/support/${file}`, ...args];
    // `ip` becomes the program (exec), so that a signal to the child meets the driver itself.
    this.#child = spawn("ip", ["netns", "exec", namespace, ...wrapper, ...program], {
      cwd: ROOT,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    cleanUp(context, () => this.kill());
  }

  /** The next line. */
  async read(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The program ended");
    return value;
  }

  /** The line that answers `line`. */
  async ask(line: string): Promise<string> {
    this.#child.stdin!.write(`${line}\n`);
    return await this.read();
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}

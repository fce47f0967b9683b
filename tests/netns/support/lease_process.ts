/** The test's end of `lease_driver.ts`. */

import type { TestContext } from "node:test";
import type { LeaseOrder } from "./lease_making.ts";
import { LineProcess, type LineProcessOptions } from "./line_process.ts";

interface Answer {
  readonly value?: unknown;
  readonly ms: number;
  readonly error?: string;
}

export class LeaseProcess {
  readonly #process: LineProcess;

  constructor(
    context: TestContext,
    order: LeaseOrder,
    options: Omit<LineProcessOptions, "script">,
  ) {
    const script = ["lease_driver.ts", JSON.stringify(order)];
    this.#process = new LineProcess(context, { ...options, script });
  }

  /** Calls a method of the lease. @throws {Error} with the lease's own message. */
  async call(method: string): Promise<unknown> {
    return (await this.timed(method)).value;
  }

  async timed(method: string): Promise<Answer> {
    const answer = JSON.parse(await this.#process.ask(method)) as Answer;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }
}

/** What is done about workers that do not answer: see supervisor.ts for how they are found. */

import process from "node:process";
import { loggerOf } from "../log/logger.ts";
import { readThreadTimes } from "../sys/thread_times.ts";
import type { DataPlane } from "./data_plane.ts";
import type { Interception } from "./interception.ts";
import { SUPERVISE_MS, Supervisor } from "./supervisor.ts";

export class Supervision {
  readonly #dataPlane: DataPlane;
  readonly #interception: Interception | null;
  readonly #supervisor = new Supervisor(readThreadTimes);
  readonly #timer: NodeJS.Timeout;
  #isReplacing = false;

  constructor(dataPlane: DataPlane, interception: Interception | null) {
    this.#dataPlane = dataPlane;
    this.#interception = interception;
    this.#timer = setInterval(() => this.#look(), SUPERVISE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#isReplacing) return;
    const workers = this.#dataPlane.workers.map(({ number, threadId }) => ({
      number,
      threadId,
      heartbeatMs: this.#dataPlane.heartbeatMs(number),
    }));
    for (const [number, verdict] of this.#supervisor.look(performance.now(), workers)) {
      if (verdict === "stuck") this.#die(`worker ${number} is stuck in the kernel`);
      if (verdict === "spinning") {
        void this.#replace(number);
        return;
      }
    }
  }

  async #replace(number: number): Promise<void> {
    this.#isReplacing = true;
    const reason = `worker ${number} goes round in circles`;
    await this.#interception?.suspend(reason);
    loggerOf("agent").warn("{text}", { text: `${reason}: starting another in its place` });
    if (!(await this.#dataPlane.replace(number))) this.#die(`${reason} and cannot be ended`);
    this.#supervisor.forget(number);
    this.#interception?.resume();
    this.#isReplacing = false;
  }

  /**
   * A thread in a system call cannot be ended, and no exit waits for it in vain: only SIGKILL ends
   * such a process. The lease is given back before, so that nothing has to wait for the kernel.
   */
  #die(reason: string): void {
    void this.#interception?.suspend(reason);
    process.stderr.write(`nodens: Cannot go on: ${reason}\n`);
    process.kill(process.pid, "SIGKILL");
  }
}

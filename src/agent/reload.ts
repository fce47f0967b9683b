/**
 * Another configuration while the server serves: read, checked, taken over, or refused with the one
 * before going on.
 *
 * One change at a time; requests that come meanwhile are one more look afterwards. What was refused
 * is not tried again until it changes or somebody asks for it; but what is right and only could not
 * be had (a port in use, say) is, less and less often.
 */

import type { Config } from "../config/config.ts";
import { locateProblem, type Problem } from "../config/problem.ts";

/** What is read of the configuration, see config/inputs.ts. */
export interface Reading {
  readonly config: Config | null;
  readonly problems: readonly Problem[];
  /** Changes with what the configuration says, not with how it is written. */
  readonly hash: string;
}

/** Why a configuration is not in effect. */
export interface Refused {
  /** A sentence without its full stop. */
  readonly problem: string;
  /** Whether the same configuration may be taken over another time. */
  readonly mayPass: boolean;
}

export interface ReloadParts {
  /** Reads all that a configuration is made of, as far as the reason is one to look at it. */
  read(reason: ReloadReason | "retry"): Promise<Reading>;
  /** Makes the whole server work by `config`. @returns null, or why it does not. */
  adopt(config: Config): Promise<Refused | null>;
  /** Calls `action` so much later. @returns what takes that back. */
  later(action: () => void, ms: number): () => void;
  /** The state is another one, or the first. */
  changed(state: ReloadState): void;
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
  /** Milliseconds since 1970. */
  wallMs(): number;
}

/** What there is to know from outside. */
export interface ReloadState {
  /** Of the configuration in effect. */
  readonly hash: string;
  /** When it came into effect, milliseconds since 1970. */
  readonly loadedMs: number;
  /** Configurations that came into effect, the first included. */
  readonly loadedCount: number;
  /** Attempts that were refused, as a whole or in part. */
  readonly failedCount: number;
  /** What keeps the newest one, or parts of it, from being in effect, a line each; or empty. */
  readonly problems: readonly string[];
}

/** Who asks for a look. A signal tries again what was refused before. */
export type ReloadReason = "change" | "signal";

/** Of several requests, the most urgent one counts: it does all that the others ask for. */
const URGENCY = { none: 0, change: 1, retry: 2, signal: 3 } as const;

/** From the first refusal to the second try, doubled with every try. */
const RETRY_MS_MIN = 5_000;
const RETRY_MS_MAX = 600_000;

export class Reloader {
  readonly #parts: ReloadParts;
  #state: ReloadState;
  /** What was refused last; empty when nothing was. */
  #refusedHash = "";
  #running: Promise<void> | null = null;
  #next: ReloadReason | "retry" | null = null;
  /** Takes back that the refused configuration is tried again. */
  #cancelRetry: (() => void) | null = null;
  #retryMs = RETRY_MS_MIN;
  #isStopped = false;

  /** @param first what the server has been started with. */
  constructor(parts: ReloadParts, first: Reading) {
    this.#parts = parts;
    this.#state = {
      hash: first.hash,
      loadedMs: parts.wallMs(),
      loadedCount: 1,
      failedCount: 0,
      problems: linesOf(first, "error"),
    };
    parts.changed(this.#state);
  }

  get state(): ReloadState {
    return this.#state;
  }

  /** Looks whether there is another configuration. Settles when that has been dealt with. */
  request(reason: ReloadReason): Promise<void> {
    return this.#request(reason);
  }

  #request(reason: ReloadReason | "retry"): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    if (URGENCY[reason] > URGENCY[this.#next ?? "none"]) this.#next = reason;
    // Not at once: a request that comes while it begins must find that it is running.
    this.#running ??= Promise.resolve()
      .then(() => this.#run())
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }

  /** Takes no more requests, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#next = null;
    this.#cancelRetry?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#next !== null) {
      const reason = this.#next;
      this.#next = null;
      try {
        await this.#look(reason);
      } catch (error) {
        // A bug; what serves goes on with what it has.
        this.#refuse("", [`Cannot reload: ${(error as Error).message}`]);
      }
    }
  }

  async #look(reason: ReloadReason | "retry"): Promise<void> {
    const { read, adopt } = this.#parts;
    const reading = await read(reason);
    if (this.#isStopped) return;
    if (reading.hash === this.#state.hash && reading.config !== null) {
      this.#noteSame(reason, linesOf(reading, "error"));
      return;
    }
    const isKnown = reading.hash === this.#refusedHash;
    if (isKnown && reason === "change") return;
    // What is tried again and again is said once, unless it comes out differently.
    const isQuiet = isKnown && reason === "retry";
    this.#forgetRetry(isQuiet);
    if (!isQuiet) this.#parts.info("Reloading");
    if (reading.config === null) {
      this.#refuse(reading.hash, reading.problems.map(locateProblem));
      return;
    }
    if (!isQuiet) for (const line of linesOf(reading, "warning")) this.#parts.warn(line);
    const refused = await adopt(reading.config);
    if (refused !== null) {
      const isSame = isQuiet && this.#state.problems[0] === refused.problem;
      if (!isSame) this.#refuse(reading.hash, [refused.problem]);
      if (refused.mayPass) this.#retryLater();
      return;
    }
    this.#forgetRetry(false);
    this.#refusedHash = "";
    const { loadedCount } = this.#state;
    this.#change({
      hash: reading.hash,
      loadedMs: this.#parts.wallMs(),
      loadedCount: loadedCount + 1,
      problems: [],
    });
    this.#parts.info(`plugin/reload: Running configuration SHA512 = ${reading.hash}`);
    this.#parts.info("Reloading complete");
    this.#notePartly(linesOf(reading, "error"));
  }

  /** Somebody may have taken a mistake back, or made one that changes nothing. */
  #noteSame(reason: ReloadReason | "retry", problems: readonly string[]): void {
    const wasRefused = this.#state.problems.length > 0;
    this.#forgetRetry(false);
    this.#refusedHash = "";
    if (problems.length > 0) {
      const isKnown = problems.join("\n") === this.#state.problems.join("\n");
      if (!isKnown || reason === "signal") this.#notePartly(problems);
      return;
    }
    if (wasRefused) this.#change({ problems: [] });
    if (!wasRefused && reason !== "signal") return;
    this.#parts.info("the configuration is the one in effect: there is nothing to reload");
  }

  #change(parts: Partial<ReloadState>): void {
    this.#state = { ...this.#state, ...parts };
    this.#parts.changed(this.#state);
  }

  /** Some values cannot be used, as in the ConfigMap of kube-dns; all else is in effect. */
  #notePartly(problems: readonly string[]): void {
    if (problems.length === 0) return;
    const all = "not all of the configuration is in effect";
    this.#fail(problems, (count) => `${all}: ${count}: what cannot be used stays as it was`);
  }

  #retryLater(): void {
    if (this.#isStopped) return;
    this.#cancelRetry = this.#parts.later(() => void this.#request("retry"), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
  }

  /** @param goesOn whether the next try is one more of the same. */
  #forgetRetry(goesOn: boolean): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    if (!goesOn) this.#retryMs = RETRY_MS_MIN;
  }

  #refuse(hash: string, problems: readonly string[]): void {
    this.#refusedHash = hash;
    const failed = "Corefile changed but reload failed";
    this.#fail(problems, (count) => `${failed}: ${count}: the configuration before goes on`);
  }

  #fail(problems: readonly string[], summary: (count: string) => string): void {
    this.#change({ failedCount: this.#state.failedCount + 1, problems });
    for (const problem of problems) this.#parts.error(problem);
    const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
    this.#parts.error(`plugin/reload: ${summary(count)}`);
  }
}

function linesOf({ problems }: Reading, severity: Problem["severity"]): string[] {
  return problems.filter((problem) => problem.severity === severity).map(locateProblem);
}

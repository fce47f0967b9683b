/**
 * The configuration of a running server: read at start, watched, taken over when it changes.
 *
 *   files ─ inputs ─ Config ─ compile ─ Plan ─ interception's part ─ workers
 *     └──── watch ── when ─ Reloader ────────────────────────────────┘
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { compilePlan } from "../config/compile.ts";
import type { Config } from "../config/config.ts";
import { createInputs, type Inputs, inputsOptions, requireReading } from "../config/inputs.ts";
import type { InputsReading } from "../config/inputs_reading.ts";
import { locateProblem, type Problem } from "../config/problem.ts";
import type { RunOptions } from "../config/run_options.ts";
import { DATA_LINK } from "../config/source.ts";
import { ViewNumbers } from "../config/view_numbers.ts";
import type { Plan } from "../handoff/plan.ts";
import { PlanNumbers } from "../handoff/plan_numbers.ts";
import { loggerOf } from "../log/logger.ts";
import {
  type Reading,
  type Refused,
  Reloader,
  type ReloadReason,
  type ReloadState,
} from "./reload.ts";
import { reloadTiming } from "./reload_timing.ts";

/** Where a configuration of a running server goes. */
export interface ConfigTaker {
  /** Makes the server work by a plan. @returns null, or why it goes on as before. */
  take(plan: Plan, config: Config): Promise<Refused | null>;
  /** Is told of every reading that had errors, the one that the server has started with, too. */
  noteErrors?(): void;
  /** Is told that somebody looks for a change, and each time that this look has ended. */
  looks?(isLooking: boolean): void;
  /** Takes note of what there is to know from outside: at first, and whenever it changes. */
  note(state: ReloadState): void;
}

export class LiveConfig {
  /** Of what is counted. */
  readonly rows = new PlanNumbers();
  readonly #inputs: Inputs;
  readonly #reloadsAtOnce: boolean;
  readonly #views = new ViewNumbers();
  readonly #logger = loggerOf("agent");
  #reading: InputsReading & { readonly config: Config };
  /** What was read last, in effect or not. */
  #newest: InputsReading | null = null;
  #generation = 0;
  #isAsked = false;
  #reloader: Reloader | null = null;
  #looks: (isLooking: boolean) => void = () => {};
  #watch: { stop(): void } | null = null;

  private constructor(
    inputs: Inputs,
    reading: InputsReading & { readonly config: Config },
    options: RunOptions,
  ) {
    this.#inputs = inputs;
    this.#reading = reading;
    this.#reloadsAtOnce = options.nodeCache.reloadWithSignal;
  }

  /** Reads what to start with, and says what is odd about it. @throws {ConfigError} */
  static async read(options: RunOptions): Promise<LiveConfig> {
    const inputs = createInputs(inputsOptions(options));
    const live = new LiveConfig(inputs, await requireReading(inputs), options);
    for (const problem of live.#reading.problems) live.#say(problem);
    return live;
  }

  /** The configuration in effect. */
  get config(): Config {
    return this.#reading.config;
  }

  /** null before `follow`. */
  get state(): ReloadState | null {
    return this.#reloader?.state ?? null;
  }

  /** A plan of `config`. @throws {RangeError} when there are too many server blocks. */
  compile(config: Config): Plan {
    this.#generation += 1;
    return compilePlan(config, this.#generation, {
      numbers: this.#views,
      rows: this.rows,
      nowMs: performance.now(),
    });
  }

  /** From now on changes go to `taker`: by themselves or, if nobody wants that, when asked for. */
  follow(taker: ConfigTaker): void {
    this.#looks = (isLooking) => taker.looks?.(isLooking);
    const say = (level: "info" | "warn" | "error") => (text: string) =>
      this.#logger[level]("{text}", { text });
    this.#reloader = new Reloader(
      {
        read: async (reason) => {
          this.#newest = await this.#inputs.read();
          if (hasErrors(this.#newest)) taker.noteErrors?.();
          return readingOf(this.#isUnwanted(this.#newest, reason) ? this.#reading : this.#newest);
        },
        adopt: async (config) => await this.#adopt(config, taker),
        changed: (state) => taker.note(state),
        info: say("info"),
        warn: say("warn"),
        error: say("error"),
        later: (action, ms) => {
          const timer = setTimeout(action, ms).unref();
          return () => clearTimeout(timer);
        },
        wallMs: () => Date.now(),
      },
      readingOf(this.#reading),
    );
    if (hasErrors(this.#reading)) taker.noteErrors?.();
    this.#views.keep(performance.now());
    this.#watchFor();
    if (this.#isAsked) void this.reload("signal");
  }

  /** Looks for a change now; before `follow`, as soon as that is called. */
  async reload(reason: ReloadReason): Promise<void> {
    this.#isAsked = true;
    if (this.#reloader === null) return;
    this.#looks(true);
    // What goes wrong is the reloader's to say: it never rejects.
    await this.#reloader.request(reason);
    this.#looks(false);
  }

  /** Follows no more changes. */
  async stop(): Promise<void> {
    this.#watch?.stop();
    await this.#reloader?.stop();
  }

  /** Another Corefile, where only the files that plugins have read are followed. */
  #isUnwanted({ hash }: InputsReading, reason: ReloadReason | "retry"): boolean {
    const isFollowed = reason !== "change" || this.#timing()?.isForFilesOnly !== true;
    return !isFollowed && hash !== this.#reading.hash;
  }

  async #adopt(config: Config, taker: ConfigTaker): Promise<Refused | null> {
    let plan: Plan;
    try {
      plan = this.compile(config);
    } catch (error) {
      return { problem: (error as Error).message, mayPass: true };
    }
    const refused = await taker.take(plan, config);
    if (refused !== null) return refused;
    this.#views.keep(performance.now());
    const timing = JSON.stringify(this.#timing());
    this.#reading = { ...this.#newest!, config };
    if (JSON.stringify(this.#timing()) !== timing) this.#watchFor();
    return null;
  }

  #timing() {
    const { config, rendered, file } = this.#reading;
    const isRendered = rendered !== null;
    return reloadTiming(config, {
      isManaged: isRendered || existsSync(join(dirname(file), DATA_LINK)),
      isAtOnce: isRendered && this.#reloadsAtOnce,
    });
  }

  /** Changes are noticed within a second; how soon they are looked at is for `reload` to say. */
  #watchFor(): void {
    this.#watch?.stop();
    const timing = this.#timing();
    if (timing === null) {
      this.#watch = null;
      return;
    }
    let timer: NodeJS.Timeout | null = null;
    const watch = this.#inputs.watch(() => {
      const waitMs = timing.intervalMs + Math.random() * timing.jitterMs;
      timer ??= setTimeout(() => {
        timer = null;
        void this.reload("change");
      }, waitMs).unref();
    });
    this.#watch = {
      stop: () => {
        watch.stop();
        if (timer !== null) clearTimeout(timer);
      },
    };
  }

  /** Also an error may be no reason not to start, such as a broken ConfigMap of kube-dns. */
  #say(problem: Problem): void {
    const text = locateProblem(problem);
    if (problem.severity === "error") this.#logger.error("{text}", { text });
    else this.#logger.warn("{text}", { text });
  }
}

function hasErrors({ problems }: InputsReading): boolean {
  return problems.some(({ severity }) => severity === "error");
}

/**
 * Two readings are the same when their settings are: also what plugins have read counts, such as
 * the lines of `hosts`, and where a line stands does not.
 */
function readingOf({ config, problems, hash }: InputsReading): Reading {
  if (config === null) return { config, problems, hash };
  const text = JSON.stringify(config, (key, value) => (key === "place" ? undefined : value));
  return { config, problems, hash: createHash("sha512").update(text).digest("hex") };
}

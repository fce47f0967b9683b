/** What one client of the load has got, and what it has lost. */

import { answeredBy } from "./asker.ts";
import { answerText, rcodeOf } from "./dns_wire.ts";
import type { ClientFigures, ClientKind } from "./load.ts";

/** Why there was no answer. */
export type LossReason = "timeout" | "refused" | "unreachable" | "reset" | "closed";

export class LoadCounter {
  readonly #kind: ClientKind;
  hasAnswer = false;
  #byNodens = 0;
  #byKubeDns = 0;
  #errors = 0;
  #losses: Partial<Record<LossReason, number>> = {};
  #lastAnswerMs = 0;
  #gapMsMax = 0;

  constructor(kind: ClientKind) {
    this.#kind = kind;
  }

  answered(answer: Buffer, nowMs: number): void {
    const by = answeredBy(answerText(answer));
    if (rcodeOf(answer) !== 0 || by === "?") this.#errors++;
    else if (by === "nodens") this.#byNodens++;
    else this.#byKubeDns++;
    if (this.hasAnswer) this.#gapMsMax = Math.max(this.#gapMsMax, nowMs - this.#lastAnswerMs);
    this.hasAnswer = true;
    this.#lastAnswerMs = nowMs;
  }

  lost(reason: LossReason): void {
    this.#losses[reason] = (this.#losses[reason] ?? 0) + 1;
  }

  /** The figures since the last time; a query that is under way counts in the next ones. */
  take(nowMs: number): ClientFigures {
    const lost = Object.values(this.#losses).reduce((sum, count) => sum + count, 0);
    const figures: ClientFigures = {
      ...this.#kind,
      asked: this.#byNodens + this.#byKubeDns + this.#errors + lost,
      byNodens: this.#byNodens,
      byKubeDns: this.#byKubeDns,
      errors: this.#errors,
      lost,
      losses: this.#losses,
      gapMsMax: Math.max(this.#gapMsMax, this.hasAnswer ? nowMs - this.#lastAnswerMs : 0),
    };
    this.#byNodens = 0;
    this.#byKubeDns = 0;
    this.#errors = 0;
    this.#losses = {};
    this.#gapMsMax = 0;
    return figures;
  }
}

/** What an error of a socket means to whoever waits for an answer. */
export function lossReason(error: unknown): LossReason {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ECONNREFUSED") return "refused";
  if (code === "ECONNRESET" || code === "EPIPE") return "reset";
  return "unreachable";
}

/**
 * Figures of a test: each is held against its limit, said in the test's report, and appended to the
 * file that `NETNS_FIGURES` names, for the table of tests/netns/figures.ts.
 *
 * With that table, every limit must be met. Without it, a time may be several times above its limit
 * before the test fails: how fast this machine is at the moment is no property of the program.
 */

import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import process from "node:process";

export const FIGURES_VARIABLE = "NETNS_FIGURES";

/** A time that is above its limit by more than this is a fault, on any machine. */
const SLACK = 5;

/** One line of the file, as JSON. */
export interface Figure {
  /** What happens: the event, and under which circumstances. */
  readonly row: string;
  /** What was measured. */
  readonly figure: string;
  /** "" is a number of things. */
  readonly unit: string;
  /** For people: `≤ 100`. */
  readonly wanted: string;
  readonly seen: number;
  readonly isMet: boolean;
}

/** Of `node:test`'s context, what is needed here. */
export interface Reporter {
  diagnostic(message: string): void;
}

/** How far above its limit a count may be without the table, as a time may. */
export interface Slack {
  readonly slack: number;
}

export class Figures {
  readonly #reporter: Reporter;
  readonly #row: string;
  readonly #missed: string[] = [];

  constructor(reporter: Reporter, row: string) {
    this.#reporter = reporter;
    this.#row = row;
  }

  /**
   * Notes a figure that must not be above `max`.
   *
   * @param unit or, for a count, how much more may be on a busy machine.
   */
  atMost(figure: string, seen: number, max: number, unit: string | Slack = ""): void {
    if (typeof unit !== "string") {
      const isMet = seen <= max;
      this.#note({ figure, seen, unit: "", wanted: `≤ ${max}`, isMet }, seen <= max + unit.slack);
      return;
    }
    const isOnlySlow = unit === "ms" && seen <= max * SLACK;
    this.#note({ figure, seen, unit, wanted: `≤ ${max}`, isMet: seen <= max }, isOnlySlow);
  }

  /** Notes a figure that must not be below `min`. */
  atLeast(figure: string, seen: number, min: number, unit = ""): void {
    this.#note({ figure, seen, unit, wanted: `≥ ${min}`, isMet: seen >= min });
  }

  /** Ends the test when a limit was missed: once, so that the table has the other figures too. */
  assertMet(details = ""): void {
    if (this.#missed.length === 0) return;
    assert.fail(`${this.#row}\n${this.#missed.join("\n")}\n${details}`);
  }

  /** @param isOnlySlow whether a limit that is missed is so because the machine is busy. */
  #note(noted: Omit<Figure, "row">, isOnlySlow = false): void {
    const figure: Figure = { row: this.#row, ...noted };
    const text = figureText(figure);
    this.#reporter.diagnostic(`${figure.row}: ${text}`);
    const file = process.env[FIGURES_VARIABLE];
    if (!figure.isMet && (file || !isOnlySlow)) this.#missed.push(text);
    // JSON has no Infinity.
    const line = { ...figure, seen: Number.isFinite(figure.seen) ? figure.seen : null };
    if (file) appendFileSync(file, `${JSON.stringify(line)}\n`);
  }
}

export function figureText({ figure, unit, wanted, seen, isMet }: Figure): string {
  const verdict = isMet ? "" : " (missed)";
  return `${figure}: wanted ${withUnit(wanted, unit)}, seen ${seenText(seen, unit)}${verdict}`;
}

/** A number with at most one digit behind the point; what never came is no number. */
export function seenText(seen: number | null, unit: string): string {
  if (seen === null || !Number.isFinite(seen)) return "never";
  return withUnit(String(Math.round(seen * 10) / 10), unit);
}

export function withUnit(text: string, unit: string): string {
  return unit === "" ? text : `${text} ${unit}`;
}

/** Results as text for people. */
import type { Goal } from "./goals.ts";
import type { Column, ScenarioResult } from "./scenario.ts";
import { type Measure, median, medians, ratioWithinRounds, spread } from "./statistics.ts";

/** References of the ratios, in the order of their columns. */
const REFERENCES = ["unbound", "bare"];

/** One scenario: a row per peer, medians of the rounds. */
export function scenarioTable(result: ScenarioResult): string {
  const peers = Object.entries(result.rounds).filter(([, rounds]) => rounds.some(hasFigures));
  const references = REFERENCES.filter((id) => peers.some(([peer]) => peer === id));
  const isCompared = result.ratioKey !== null && peers.length > 1;
  const head = ["", ...result.columns.map((column) => column.title)];
  if (result.ratioKey !== null) head.push("min…max");
  if (isCompared) head.push(...references.map((id) => `× ${id}`));
  const rows = peers.map(([peer, rounds]) => {
    const row = [peer, ...cells(result.columns, rounds)];
    if (result.ratioKey !== null) row.push(spreadText(rounds, result));
    if (!isCompared) return row;
    for (const id of references) {
      const ratio = ratioWithinRounds(rounds, result.rounds[id] ?? [], result.ratioKey ?? "");
      row.push(number(ratio, 2));
    }
    return row;
  });
  const lines = [result.title, ...grid([head, ...rows])];
  for (const [peer, rounds] of peers) lines.push(...troubles(peer, rounds));
  for (const [peer, reason] of Object.entries(result.skipped)) {
    lines.push(`  ${peer} is not in it: ${reason}.`);
  }
  lines.push(...result.notes.map((note) => `  ${note}`));
  return lines.join("\n");
}

/** The goals with what was found. */
export function goalTable(goals: readonly Goal[]): string {
  const rows = goals.map(({ text, value, limit, unit, outcome }) => [
    text,
    Number.isNaN(value)
      ? ""
      : `${number(value, unit === "ms" || unit === "" ? 0 : 2)} ${unit}`.trim(),
    `≤ ${limit} ${unit}`.trim(),
    outcome === "met" ? "✓ met" : outcome === "missed" ? "✗ missed" : "– not measured",
  ]);
  return ["Goals", ...grid([["", "measured", "goal", ""], ...rows], [3])].join("\n");
}

function hasFigures(round: Measure): boolean {
  return Object.keys(round).length > 0;
}

function cells(columns: readonly Column[], rounds: readonly Measure[]): string[] {
  const figures = medians(rounds);
  return columns.map(({ key, digits }) => number(figures[key] ?? Number.NaN, digits));
}

function spreadText(rounds: readonly Measure[], result: ScenarioResult): string {
  const key = result.ratioKey ?? "";
  const digits = result.columns.find((column) => column.key === key)?.digits ?? 2;
  const [low, high] = spread(rounds, key);
  return `${number(low, digits)}…${number(high, digits)}`;
}

/** Lost and wrong answers, and a generator or a machine too busy to be trusted. */
function troubles(peer: string, rounds: readonly Measure[]): string[] {
  const lines: string[] = [];
  const sum = (key: string): number =>
    rounds.reduce((total, round) => total + (round[key] ?? 0), 0);
  if (sum("lost") > 0) lines.push(`  ${peer}: ${sum("lost")} queries without an answer.`);
  if (sum("wrong") > 0) lines.push(`  ${peer}: ${sum("wrong")} WRONG ANSWERS.`);
  if (sum("reconnects") > 0) lines.push(`  ${peer}: ${sum("reconnects")} connections reopened.`);
  const steal = Math.max(...rounds.map((round) => round.stealPercent ?? 0));
  if (steal > 3)
    lines.push(`  ${peer}: the hypervisor took up to ${steal.toFixed(0)} % of a core.`);
  const wait = median(rounds.flatMap((round) => round.waitPercent ?? []));
  if (wait > 5) lines.push(`  ${peer}: waited ${wait.toFixed(0)} % of the time for its core.`);
  return lines;
}

function number(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

/** Pads columns: the first to the left, others to the right except those in `leftColumns`. */
function grid(rows: readonly (readonly string[])[], leftColumns: number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return rows.map((row) => {
    const padded = row.map((cell, i) => {
      const width = widths[i] ?? 0;
      return i === 0 || leftColumns.includes(i) ? cell.padEnd(width) : cell.padStart(width);
    });
    return `  ${padded.join("  ")}`.trimEnd();
  });
}

/**
 * Runs the tests that measure what clients notice, and prints their figures as one table:
 *
 *     sudo npm run figures [-- WORD...]     only test files with one of the words in their names
 *
 * Needs dist/nodens: npm run build. Ends with 1 when a test has failed.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { FIGURES_VARIABLE, type Figure, seenText, withUnit } from "./support/figures.ts";

const HEAD: readonly string[] = ["event", "figure", "wanted", "seen", ""];
/** By this a test file is known to have figures. */
const MODULE = "support/figures.ts";

async function main(words: readonly string[]): Promise<number> {
  const files = testFiles(words);
  if (files.length === 0) {
    process.stderr.write(`Cannot find a test file with ${words.join(" or ")} in its name\n`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), "nodens-figures-"));
  try {
    const file = join(folder, "figures");
    const code = await runTests(files, file);
    process.stdout.write(`\n${table(readFigures(file))}\n`);
    return code;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function testFiles(words: readonly string[]): string[] {
  return readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith("_test.ts"))
    .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
    .map((name) => join(import.meta.dirname, name))
    .filter((path) => readFileSync(path, "utf8").includes(MODULE));
}

async function runTests(files: readonly string[], figures: string): Promise<number> {
  const flags = ["--disable-warning=ExperimentalWarning", "--test", "--test-concurrency=1"];
  const child = spawn(process.execPath, [...flags, "--test-reporter=dot", ...files], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, [FIGURES_VARIABLE]: figures },
  });
  const [code] = (await once(child, "close")) as [number | null];
  return code === 0 ? 0 : 1;
}

function readFigures(file: string): Figure[] {
  try {
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line) as Figure);
  } catch {
    // No test came so far.
    return [];
  }
}

/** The event is said once for all of its figures. */
function table(figures: readonly Figure[]): string {
  const cells = figures.map(({ row, figure, unit, wanted, seen, isMet }, index) => [
    figures[index - 1]?.row === row ? "" : row,
    figure,
    withUnit(wanted, unit),
    seenText(seen, unit),
    isMet ? "" : "MISSED",
  ]);
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ");
  return all.map((row) => line(row).trimEnd()).join("\n");
}

process.exitCode = await main(process.argv.slice(2));

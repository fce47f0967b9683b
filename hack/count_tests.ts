/**
 * Adds up the JUnit reports of a folder: `node hack/count_tests.ts FOLDER [FAILED STEP]...`.
 *
 * Lists what failed, closes with `N passed, N failed` and exits with 1 if anything did. A failed
 * step whose tests all passed (lint, a crash after the last test) counts as one failure.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Report {
  passed: number;
  skipped: number;
  readonly failures: string[];
}

function main(folder: string, failedSteps: readonly string[]): number {
  const total = { passed: 0, skipped: 0, failed: 0 };
  const blamed = new Set<string>();
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".xml")) continue;
    const step = file.slice(0, -".xml".length);
    const report = readReport(readFileSync(join(folder, file), "utf8"));
    total.passed += report.passed;
    total.skipped += report.skipped;
    total.failed += report.failures.length;
    for (const failure of report.failures) {
      process.stdout.write(`FAILED ${step}: ${failure}\n`);
      blamed.add(step);
    }
  }
  for (const step of failedSteps) {
    if (blamed.has(step)) continue;
    process.stdout.write(`FAILED ${step}\n`);
    total.failed++;
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/** Counts tests that hold no other tests: Deno's report lists the holders as well. */
function readReport(xml: string): Report {
  const report: Report = { passed: 0, skipped: 0, failures: [] };
  const cases = [
    ...xml.matchAll(
      /<testcase\b((?:[^>"]|"[^"]*")*?)(\/?)>(?:((?:(?!<testcase\b)[\s\S])*?)<\/testcase>)?/g,
    ),
  ].map(([, attributes = "", selfClosed, body = ""]) => ({
    name: unescapeXml(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "?"),
    content: selfClosed === "/" ? "" : body,
  }));
  const holders = new Set<string>();
  for (const { name } of cases) {
    for (let at = name.indexOf(" > "); at >= 0; at = name.indexOf(" > ", at + 1)) {
      holders.add(name.slice(0, at));
    }
  }
  for (const { name, content } of cases) {
    if (holders.has(name)) continue;
    if (/<(failure|error)\b/.test(content)) report.failures.push(name);
    else if (/<skipped\b/.test(content)) report.skipped++;
    else report.passed++;
  }
  return report;
}

function unescapeXml(text: string): string {
  const letters: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => letters[name] ?? "");
}

const [folder = "dist/.tests", ...failedSteps] = process.argv.slice(2);
process.exitCode = main(folder, failedSteps);

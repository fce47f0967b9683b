import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { errorsSetup } from "./setup.ts";

function check(directives: string, problems: string[] = []): void {
  const result = readSetup(errorsSetup, directives);
  assert.deepEqual(result.problems, problems, directives);
}

test("errors: the directive turns logging of errors on", () => {
  check("errors");
  check("errors stdout");
  check("errors {\n}");
  assert.equal(readSetup(errorsSetup, "errors").view.errors, true);
});

test("errors: options are read", () => {
  const lines = `stacktrace
    consolidate 5m ".* i/o timeout$" warning
    consolidate 30s ^Failed show_first
    consolidate 1h "(?i)refused" debug show_first`;
  const { view, problems } = readSetup(errorsSetup, `errors {\n${lines}\n}`);
  assert.deepEqual(problems, []);
  assert.equal(view.stacktrace, true);
  assert.deepEqual(view.consolidate, [
    { periodMs: 300_000, pattern: ".* i/o timeout$", level: "warning", showFirst: false },
    { periodMs: 30_000, pattern: "^Failed", level: "error", showFirst: true },
    { periodMs: 3_600_000, pattern: "(?i)refused", level: "debug", showFirst: true },
  ]);
});

test("errors: what does not fit is reported", () => {
  check("errors stderr", ['2: Cannot log errors to "stderr": expected stdout']);
  check("errors stdout x", ['2: Unexpected "x" after "errors": expected errors [stdout]']);
  check("errors\nerrors", [
    '3: Cannot use "errors" twice in a server block: already at Corefile:2',
  ]);
  check("errors {\nstacktrase\nstacktrace on\n}", [
    '3: Unknown option "stacktrase": did you mean "stacktrace"?',
    '4: Unexpected "on" after "stacktrace": expected stacktrace alone',
  ]);
  const regexp = (problem: string, pattern: string) =>
    `3: Cannot read REGEXP of consolidate: expected ${problem}, got "${pattern}"`;
  check("errors {\nconsolidate 5m (\n}", [regexp('a ")" for every "("', "(")]);
  check("errors {\nconsolidate 5m (?=a)\n}", [
    regexp("no lookahead and no lookbehind: Go has none", "(?=a)"),
  ]);
  check("errors {\nconsolidate 5m (a)\\1\n}", [
    regexp('no backreference such as "\\1": Go has none', "(a)\\1"),
  ]);
  check("errors {\nconsolidate 0s a\n}", [
    '3: Cannot read DURATION of consolidate: expected a duration above 0, such as 5m, got "0s"',
  ]);
  check("errors {\nconsolidate 5m a loud\n}", [
    '3: Cannot read LEVEL of consolidate: expected debug, info, warning or error, got "loud"',
  ]);
  check("errors {\nconsolidate 5m a info loud\n}", [
    '3: Unexpected "loud": expected consolidate DURATION REGEXP [LEVEL] [show_first]',
  ]);
});

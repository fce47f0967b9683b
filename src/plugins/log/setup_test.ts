import assert from "node:assert/strict";
import { test } from "node:test";
import { LOG_ALL, LOG_DENIAL, LOG_ERROR, type LogPlan } from "../../handoff/plan.ts";
import { readSetup } from "../testing.ts";
import { COMBINED_FORMAT, COMMON_FORMAT } from "./formats.ts";
import { logSetup } from "./setup.ts";

function check(directives: string, expected: LogPlan[], problems: string[] = []): void {
  const result = readSetup(logSetup, directives);
  assert.deepEqual(result.problems, problems, directives);
  if (expected.length > 0) assert.deepEqual(result.view.log, expected, directives);
}

test("log: names, format and classes of every line make one rule", () => {
  const all = { zones: ["."], format: COMMON_FORMAT, classes: LOG_ALL };
  check("log", [all]);
  check("log . {combined}", [{ ...all, format: COMBINED_FORMAT }]);
  check('log "{common} {remote}"', [{ ...all, format: `${COMMON_FORMAT} {remote}` }]);
  check("log Example.org example.net", [{ ...all, zones: ["example.org.", "example.net."] }]);
  check("log {\nclass denial error\n}", [{ ...all, classes: LOG_DENIAL | LOG_ERROR }]);
  check("log {\nclass denial\nclass all\n}", [all]);
  check("log\nlog example.org {name}", [
    all,
    { ...all, zones: ["example.org."], format: "{name}" },
  ]);
});

test("log: labels that mean nothing are warned about", () => {
  check("log . {nam}", [], ['2: Label {nam} is logged as it stands: did you mean "{name}"?']);
  check(
    "log . {/view/name}",
    [],
    ['2: Label {/view/name} is logged as "-": no plugin of this version knows it'],
  );
});

test("log: what does not fit is reported", () => {
  check(
    "log {\nclass\nclass sucess\nklass all\n}",
    [],
    [
      '3: Missing argument after "class": expected class success|denial|error|all...',
      '4: Cannot read class: expected success, denial, error or all, got "sucess": did you mean "success"?',
      '5: Unknown option "klass": did you mean "class"?',
    ],
  );
  check("log a..b", [], ['2: Cannot read zone "a..b": expected no empty label']);
});

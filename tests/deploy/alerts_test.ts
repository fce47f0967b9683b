/** Alerts: raised when they should be, and not otherwise, as Prometheus' own tool sees it. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { MANIFEST_PATH, prometheusRule } from "../../hack/prometheus_rule.ts";
import { cleanUp } from "../support/clean_up.ts";
import { ALERT_CASES, type Series } from "./alert_cases.ts";
import { RULES_PATH, type Rule, readRules } from "./support/expressions.ts";

const SEVERITIES = ["info", "warning", "critical"];

const alertOf = (name: string): Rule => {
  const rule = readRules().find(({ alert }) => alert === name);
  assert.ok(rule !== undefined, `there is no alert ${name}`);
  return rule;
};

interface PromtoolTest {
  readonly series: Series;
  readonly alert: string;
  readonly atMin: number;
  readonly expected: readonly object[];
}

const inputSeries = (series: Series) =>
  Object.entries(series).map(([name, values]) => ({ series: name, values }));

function promtoolTest({ series, alert, atMin, expected }: PromtoolTest): object {
  return {
    interval: "1m",
    input_series: inputSeries(series),
    alert_rule_test: [{ eval_time: `${atMin}m`, alertname: alert, exp_alerts: expected }],
  };
}

test("promtool finds nothing wrong with the rules", () => {
  const run = spawnSync("promtool", ["check", "rules", "--lint-fatal", RULES_PATH], {
    encoding: "utf8",
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});

test("each alert is raised when it should be, and silent when it should not", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nodens-alerts-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  const tests: object[] = [];
  for (const { alert, raised, silent } of ALERT_CASES) {
    const { labels = {}, annotations = {} } = alertOf(alert);
    const expected = {
      exp_labels: { ...labels, ...raised.labels },
      exp_annotations: { ...annotations, summary: raised.summary },
    };
    const { atMin, series } = raised;
    tests.push(promtoolTest({ alert, atMin, series, expected: [expected] }));
    for (const { series } of silent) {
      tests.push(promtoolTest({ alert, atMin, series, expected: [] }));
    }
  }
  const path = join(folder, "test.yaml");
  const text = stringify({ rule_files: [RULES_PATH], evaluation_interval: "1m", tests });
  writeFileSync(path, text);
  const run = spawnSync("promtool", ["test", "rules", path], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});

test("each alert has cases, and says what is wrong, how bad, and what to do", () => {
  const alerts = readRules().filter(({ alert }) => alert !== undefined);
  const names = alerts.map(({ alert }) => alert);
  assert.deepEqual([...names].sort(), ALERT_CASES.map(({ alert }) => alert).sort());
  assert.equal(new Set(names).size, names.length);
  for (const { silent, alert } of ALERT_CASES) assert.ok(silent.length > 0, alert);
  for (const { alert = "", labels = {}, annotations = {}, for: pending } of alerts) {
    assert.ok(SEVERITIES.includes(labels["severity"] ?? ""), alert);
    assert.ok(pending !== undefined, `${alert} is raised by a single scrape`);
    assert.deepEqual(Object.keys(annotations), ["summary", "description", "runbook_url"], alert);
    assert.match(annotations["runbook_url"] ?? "", /^deploy\/README\.md#[a-z0-9-]+$/, alert);
  }
});

test("the PrometheusRule has the rules of the rule file", () => {
  const rules = readFileSync(RULES_PATH, "utf8");
  const manifest = readFileSync(MANIFEST_PATH, "utf8");
  assert.equal(manifest, prometheusRule(rules), "run `npm run fmt`");
  assert.deepEqual(parse(manifest).spec, parse(rules));
});

/**
 * The dashboard and the rules on a Prometheus that scrapes a nodens which intercepts: every panel
 * shows something, every rule can be evaluated and no alert is raised.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dashboard } from "../../hack/dashboard/dashboard.ts";
import { until } from "../support/until.ts";
import {
  type DashboardQuery,
  DEPLOY,
  dashboardQueries,
  metricNamesIn,
  RULES_PATH,
  readDashboard,
  readRules,
} from "./support/expressions.ts";
import { ANNOTATIONS_JOB, ObservedNode, POD_MONITOR_JOB } from "./support/observed_node.ts";

const DATA_MS_MAX = 20_000;

/** Metrics of plugins that this node does not use, and of mistakes that nobody makes here. */
const NOT_HERE = new Map([
  ["coredns_acl_blocked_requests_total", "acl has nothing to refuse"],
  ["coredns_acl_dropped_requests_total", "acl has nothing to drop"],
  ["coredns_autopath_success_total", "no autopath"],
  ["coredns_dns64_requests_translated_total", "no dns64"],
  ["coredns_local_localhost_requests_total", "no local"],
  ["coredns_template_template_failures_total", "its template is right"],
  ["coredns_template_rr_failures_total", "its template is right"],
  ["coredns_dns_do_requests_total", "nobody asks with the DO bit"],
]);
/** Panels that show what is wrong, so that nothing is there when all is well. */
const EMPTY_WHEN_WELL = ["Interception (port 9353): Nodes that do not intercept"];
/** What Grafana's variables may be; pods with annotations have no label `node`. */
const CHOICES = [
  { job: ANNOTATIONS_JOB, by: "instance", node: "127\\.0\\.0\\.1" },
  { job: ANNOTATIONS_JOB, by: "node", node: ".*" },
  { job: POD_MONITOR_JOB, by: "pod", node: "nodens-abcde" },
] as const;
/** Port 9353 is not scraped by annotations, which name one port. */
const NOT_BY_ANNOTATIONS = /nodens_intercepting|nodens_lease_info|nodens_interception_|_setup_/;

type Choice = (typeof CHOICES)[number];

/** As Grafana puts its variables in. */
function withVariables(expression: string, { job, by, node }: Choice): string {
  const values: Record<string, string> = {
    ...{ $job: job, $by: by, $node: node.replaceAll("\\", "\\\\") },
    ...{ $__rate_interval: "4s", $__range: "1m" },
  };
  return expression.replace(/\$[a-z_]+/g, (name) => {
    const value = values[name];
    assert.ok(value !== undefined, `${name} in ${expression}`);
    return value;
  });
}

function isExpectedBy(choice: Choice, { expression, panel }: DashboardQuery): boolean {
  if (EMPTY_WHEN_WELL.includes(panel)) return false;
  if (metricNamesIn(expression).some((name) => NOT_HERE.has(name))) return false;
  return choice.job !== ANNOTATIONS_JOB || !NOT_BY_ANNOTATIONS.test(expression);
}

/** Those of metrics.md; patterns and what is written in code of another kind are none. */
function documentedMetrics(): ReadonlySet<string> {
  const page = readFileSync(join(DEPLOY, "metrics.md"), "utf8");
  const cells = page.split("\n").filter((line) => line.startsWith("| `"));
  return new Set(cells.flatMap((line) => metricNamesIn(line.split(" | ")[0] ?? "")));
}

const familyOf = (name: string) => name.replace(/_(?:bucket|sum|count)$/, "");

test("dashboard and rules work on a Prometheus that scrapes nodens", async (context) => {
  const node = await ObservedNode.start(context, RULES_PATH);
  const queries = dashboardQueries();

  for (const choice of CHOICES) {
    const words = `${choice.job} by ${choice.by}`;
    await context.test(`each query of the dashboard gives data: ${words}`, async () => {
      let missing = queries.filter((query) => isExpectedBy(choice, query));
      assert.ok(missing.length > 40);
      const isComplete = async () => {
        const left: DashboardQuery[] = [];
        for (const query of missing) {
          const samples = await node.query(withVariables(query.expression, choice));
          const hasNumbers = samples.some(({ value }) => value[1] !== "NaN");
          if (!hasNumbers) left.push(query);
        }
        missing = left;
        return missing.length === 0;
      };
      await until("all give data", isComplete, DATA_MS_MAX).catch(() => {});
      assert.deepEqual(
        missing.map(({ place }) => place),
        [],
      );
    });
  }

  await context.test("queries without data here can be evaluated all the same", async () => {
    const others = queries.filter((query) => !isExpectedBy(CHOICES[2], query));
    assert.ok(others.length > 0);
    for (const query of others) await node.query(withVariables(query.expression, CHOICES[2]));
  });

  await context.test("each metric that is named is scraped, and documented", async () => {
    const scraped = new Set(await node.metricNames());
    const documented = documentedMetrics();
    const rules = readRules();
    const expressions = [
      ...queries.map(({ expression }) => expression),
      ...rules.map(({ expr }) => expr),
    ];
    for (const name of new Set(expressions.flatMap(metricNamesIn))) {
      assert.ok(scraped.has(name) || NOT_HERE.has(name), `${name} is not scraped`);
      if (name.startsWith("nodens:")) continue;
      assert.ok(documented.has(familyOf(name)), `${name} is not in deploy/metrics.md`);
    }
    for (const name of scraped) {
      if (!/^(?:coredns|nodens|process)_/.test(name)) continue;
      assert.ok(documented.has(familyOf(name)), `${name} is scraped and not documented`);
    }
    const shown = new Set(queries.flatMap((query) => metricNamesIn(query.expression)));
    for (const name of documented) {
      const isOld = /^coredns_forward_(?:responses|request_duration|healthcheck_fail)/.test(name);
      const isShown = [...shown].some((one) => familyOf(one) === name);
      assert.ok(isOld || isShown || name === "coredns_hosts_reload_timestamp_seconds", name);
    }
  });

  await context.test("each rule is evaluated, and no alert is raised", async () => {
    const states = await node.rules();
    assert.equal(states.length, readRules().length);
    const isEvaluated = async () => (await node.rules()).every(({ health }) => health === "ok");
    await until("all rules are evaluated", isEvaluated, DATA_MS_MAX).catch(() => {});
    for (const { name, health, lastError = "", state } of await node.rules()) {
      assert.equal(health, "ok", `${name}: ${lastError}`);
      assert.ok(state === undefined || state === "inactive", `${name} is ${state}`);
    }
    for (const { record } of readRules()) {
      if (record === undefined) continue;
      assert.ok((await node.query(record)).length > 1, `${record} is empty`);
    }
  });
});

test("the dashboard is what hack/dashboard makes, and no panel covers another", () => {
  assert.deepEqual(readDashboard(), JSON.parse(JSON.stringify(dashboard())), "run `npm run fmt`");
  const taken = new Set<string>();
  for (const { title, gridPos, description, type } of readDashboard().panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      assert.ok(x < 24, `${title} is too wide`);
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x} ${y}`), `${title} covers another panel`);
        taken.add(`${x} ${y}`);
      }
    }
    assert.ok(type === "row" || (description ?? "") !== "", `${title} says nothing`);
  }
});

test("variables of the dashboard ask for metrics that are there", () => {
  const { list } = readDashboard().templating;
  const names = list.map(({ name }) => name);
  assert.deepEqual(names, ["datasource", "job", "by", "node"]);
  const documented = documentedMetrics();
  for (const name of metricNamesIn(JSON.stringify(list))) assert.ok(documented.has(name), name);
});

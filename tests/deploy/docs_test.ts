/**
 * What the pages for operators name is there: flags, metrics, alerts, panels, files, and the
 * sections that alerts lead to. Links from page to page are looked at by tests/tidy_test.ts.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runNodens } from "../support/nodens_process.ts";
import { links } from "../tidy/markdown_rules.ts";
import {
  DEPLOY,
  metricNamesIn,
  RULES_PATH,
  readDashboard,
  readRules,
} from "./support/expressions.ts";

const ROOT = join(DEPLOY, "..");
const COMMANDS = [
  ...["check", "config", "fmt", "query", "rules", "status", "cleanup", "doctor"],
  ...["install", "uninstall", "resolver"],
];

/** Flags of node-cache that it does not have any more, named to say so. */
const FORMER_FLAGS = ["setupebtables", "intfname"];
/** Metrics of k8s-local-dns and its CoreDNS, named to say what they are called now. */
const FORMER_METRICS = new Set([
  "coredns_nodecache_setup_errors",
  "coredns_dns_request_count_total",
  "coredns_dns_response_rcode_count_total",
  "coredns_cache_size",
  "coredns_forward_request_count_total",
  "coredns_panic_count_total",
]);

interface Page {
  readonly path: string;
  readonly text: string;
}

const PAGES: readonly Page[] = readdirSync(DEPLOY, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".md"))
  .map((path) => ({ path: `deploy/${path}`, text: readFileSync(join(DEPLOY, path), "utf8") }));

const MANUAL = PAGES.find(({ path }) => path === "deploy/README.md")!;

async function knownFlags(): Promise<ReadonlySet<string>> {
  const helps = await Promise.all([
    runNodens(["-help"]),
    ...COMMANDS.map((command) => runNodens(["help", command])),
  ]);
  // "-p, -dns.port PORT  what it does": all that stand at a line's head.
  const heads = helps.flatMap(({ stdout }) =>
    [...stdout.matchAll(/^ {2,}((?:-[a-z.-]+(?:, )?)+)/gm)].map((match) => match[1] ?? ""),
  );
  return new Set(heads.flatMap((head) => head.split(", ")).map((flag) => flag.replace(/^-+/, "")));
}

/** Code of a page that is nodens' own: spans that are a flag, and commands of it. */
function flagsIn(text: string): readonly string[] {
  const spans = [...text.matchAll(/`(-{1,2}[a-zA-Z][\w.-]*)(?:[ =][^`]*)?`/g)];
  const lines = text.match(/^.*(?:^|[\s/`])nodens (?:[a-z]+ )?.*-[a-z].*$/gm) ?? [];
  const inCommands = lines
    .filter((line) => /^\s{4}|`/.test(line))
    .flatMap((line) => [...line.matchAll(/nodens(?: [a-z]+)?((?: -{1,2}[a-z][^`|]*))/g)])
    .flatMap((match) => [...(match[1] ?? "").matchAll(/ -{1,2}([a-z][\w.-]*)/g)])
    .map((match) => match[1] ?? "");
  return [...spans.map((match) => (match[1] ?? "").replace(/^-+/, "")), ...inCommands];
}

/** Flags of other programs, as they stand in the pages. */
const FOREIGN_FLAGS = new Set([
  ...[
    "m",
    "s",
    "F",
    "I",
    "cluster-dns",
    "dry-run",
    "force-cleanup",
    "previous",
    "restore",
    "image",
    "mode",
    "local-ip",
    "timeout",
    "kubeconfig",
    "force",
    "keep-config",
    "systemd",
    "purge",
  ],
  ...["system", "dport", "d", "context", "namespace", "set", "cascade", "reuse-values"],
]);

test("flags that the pages name are flags of nodens", async () => {
  const known = await knownFlags();
  assert.ok(known.has("localip") && known.has("dry-run") && known.has("tcp") && known.has("p"));
  let count = 0;
  for (const { path, text } of PAGES) {
    for (const flag of flagsIn(text)) {
      count += 1;
      const isKnown = known.has(flag) || FOREIGN_FLAGS.has(flag) || FORMER_FLAGS.includes(flag);
      assert.ok(isKnown, `${path} names -${flag}, which nodens does not know`);
    }
  }
  assert.ok(count > 100, `only ${count} were found`);
});

test("metrics that the pages name are in metrics.md", () => {
  const metrics = readFileSync(join(DEPLOY, "metrics.md"), "utf8");
  const known = new Set(metricNamesIn(metrics));
  const isKnown = (name: string) => known.has(name) || known.has(name.replace(/_bucket$/, ""));
  for (const { path, text } of PAGES) {
    for (const name of metricNamesIn(text)) {
      // Families, as in `coredns_dns_*`, and the image's name with its tag.
      if (name.endsWith("_") || name.startsWith("nodens:")) continue;
      assert.ok(isKnown(name) || FORMER_METRICS.has(name), `${path} names ${name}`);
    }
  }
});

test("alerts lead to sections of the manual, and the pages name alerts that there are", () => {
  const alerts = new Set(readRules().flatMap(({ alert }) => alert ?? []));
  for (const { alert, annotations } of readRules()) {
    if (alert === undefined) continue;
    const target = annotations?.["runbook_url"] ?? "";
    const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
    const problems = links("alerts", `[${alert}](${target})`, ["deploy/README.md"], read);
    assert.deepEqual(problems, [], alert);
  }
  for (const { path, text } of PAGES) {
    for (const name of text.match(/\bNodens[A-Z]\w+/g) ?? []) {
      assert.ok(alerts.has(name), `${path} names ${name}`);
    }
  }
});

test("rows and panels that the manual names are on the dashboard", () => {
  const titles = new Set(readDashboard().panels.map(({ title }) => title));
  const named = [
    ...["Upstreams", "Cache", "Lost", "What the cache did", "Nodes by configuration"],
    ...["99 of 100, by zone", "Time to reply, 99 of 100", "Evicted while good"],
    ...["CPU, busiest nodes", "Memory, largest nodes", "Queries by transport"],
  ];
  for (const name of named) {
    assert.ok(MANUAL.text.includes(`*${name}*`), `the manual does not name ${name}: take it out`);
    assert.ok(titles.has(name), name);
  }
});

test("files that commands of the pages name are there", () => {
  const made = new Set(["hack/configmap.yaml"]);
  for (const { path, text } of PAGES) {
    for (const line of text.match(/^ {4}.*$/gm) ?? []) {
      for (const file of line.match(/(?<![\w/.])(?:\.\/)?(?:deploy|hack)\/[\w./-]+/g) ?? []) {
        const found = existsSync(join(ROOT, file)) || made.has(file);
        assert.ok(found, `${path} names ${file}: ${line.trim()}`);
      }
    }
  }
});

test("options of install.sh and uninstall.sh that the pages name are theirs", () => {
  const common = readFileSync(join(ROOT, "hack/cluster.sh"), "utf8");
  for (const script of ["install.sh", "uninstall.sh"]) {
    const own = readFileSync(join(ROOT, "hack", script), "utf8");
    let count = 0;
    for (const { path, text } of PAGES) {
      for (const [line] of text.matchAll(new RegExp(`\\./${script} .*--.*`, "g"))) {
        for (const option of line.match(/--[a-z-]+/g) ?? []) {
          count += 1;
          assert.ok(own.includes(option) || common.includes(option), `${path}: ${line}`);
        }
      }
    }
    assert.ok(count > 0, script);
  }
  for (const [, options = ""] of MANUAL.text.matchAll(/^\| (`--[^|]*) \|/gm)) {
    for (const option of options.match(/--[a-z-]+/g) ?? []) {
      const scripts = ["cluster.sh", "install.sh", "uninstall.sh"];
      const isKnown = scripts.some((name) =>
        readFileSync(join(ROOT, "hack", name), "utf8").includes(option),
      );
      assert.ok(isKnown, option);
    }
  }
});

test("the command that makes links of alerts whole does so", () => {
  const command = /^ {4}(sed 's\|runbook_url.*)$/m.exec(MANUAL.text)?.[1];
  assert.ok(command !== undefined);
  const run = spawnSync("sh", ["-c", command], { cwd: ROOT, encoding: "utf8" });
  const rules = readFileSync(RULES_PATH, "utf8");
  const count = rules.split("runbook_url: deploy/README.md#").length - 1;
  const whole = "runbook_url: https://git.example.org/nodens/blob/main/deploy/README.md#";
  assert.equal(run.stdout.split(whole).length - 1, count);
  assert.ok(count > 20);
});

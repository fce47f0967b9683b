/**
 * The Corefiles of the field start as they are, and each directive of them does something.
 *
 * `TO_COME` is what they use and this version lacks. It must be exactly what `nodens check`
 * complains about, so a line goes when what it names arrives; the checks that need it are reported
 * as "todo" until then, and their directives are taken out before the executable is started.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { formatCorefile } from "../../src/config/format.ts";
import { FIELD_FOLDER, readField, startField } from "../support/field_corefile.ts";
import { answerField, FIELD_COREFILES } from "../support/field_fixture.ts";
import { runNodens } from "../support/nodens_process.ts";
import { FORWARD_CHECKS } from "./field_forward_checks.ts";
import { PLUGIN_CHECKS } from "./field_plugin_checks.ts";

const FIELD_CHECKS = [...FORWARD_CHECKS, ...PLUGIN_CHECKS];

/** Directives, and `PLUGIN.OPTION` for options that have no effect yet. */
const TO_COME: readonly string[] = [];

/** Warnings that are meant: what works as written and is not what most want. */
const WARNINGS: Readonly<Record<string, RegExp>> = {
  "colopl.Corefile": /NXDOMAIN/,
  "kubespray.Corefile": /as if it stood before "name"/,
  "kubespray_second.Corefile": /as if it stood before "name"/,
};

interface Problem {
  readonly plugin: string | null;
  readonly severity: string;
  readonly message: string;
}

async function problemsOf(file: string): Promise<Problem[]> {
  const { stdout, stderr } = await runNodens(["check", "-json", join(FIELD_FOLDER, file)]);
  assert.equal(stderr, "");
  return (JSON.parse(stdout) as { problems: Problem[] }).problems;
}

/** What is missing, as `TO_COME` names it; null for any other problem. */
function missingBy({ plugin, message }: Problem): string | null {
  const directive = /^Cannot use "(\w+)": this version does not support it/.exec(message)?.[1];
  const option = /^(\w+) has no effect in this version$/.exec(message)?.[1];
  return directive ?? (option === undefined ? null : `${plugin}.${option}`);
}

test("nodens check finds nothing in the Corefiles of the field but what is still to come", async () => {
  const missing = new Set<string>();
  for (const { file } of FIELD_COREFILES) {
    const expected = WARNINGS[file] ?? null;
    const problems = (await problemsOf(file)).filter(
      ({ severity, message }) => severity === "error" || !(expected?.test(message) ?? false),
    );
    assert.deepEqual(
      problems.filter((problem) => missingBy(problem) === null),
      [],
      file,
    );
    for (const problem of problems) missing.add(missingBy(problem) ?? "");
  }
  assert.deepEqual([...missing].sort(), [...TO_COME].sort(), "TO_COME is what is missing");
});

test("nodens fmt leaves the Corefiles of the field as they are", () => {
  for (const file of [...FIELD_COREFILES.map((corefile) => corefile.file), "kubernetes.base"]) {
    assert.equal(formatCorefile(readField(file), file).text, readField(file), file);
  }
});

test("kubernetes.base is kubernetes.Corefile once its placeholders are replaced", () => {
  const values = {
    DNS__DOMAIN: "cluster.local",
    LOCAL__DNS: "169.254.20.10",
    DNS__SERVER: "10.96.0.10",
    CLUSTER__DNS: "10.96.77.77",
    UPSTREAM__SERVERS: "/etc/resolv.conf",
  };
  let text = readField("kubernetes.base");
  for (const [name, value] of Object.entries(values)) {
    assert.ok(text.includes(`__PILLAR__${name}__`), name);
    text = text.replaceAll(`__PILLAR__${name}__`, value);
  }
  const withoutTitle = (corefile: string) => corefile.slice(corefile.indexOf("\n"));
  assert.equal(withoutTitle(text), withoutTitle(readField("kubernetes.Corefile")));
});

for (const corefile of FIELD_COREFILES) {
  const checks = FIELD_CHECKS.filter(({ files }) => files.includes(corefile.file));
  // Those that wait for a time-out begin first, and the others run meanwhile, one after the other.
  const inOrder = checks.toSorted((a, b) => Number(b.isSlow ?? false) - Number(a.isSlow ?? false));
  test(`nodens serves ${corefile.file}`, { concurrency: true }, async (context) => {
    const without = TO_COME.filter((name) => !name.includes("."));
    const field = await startField(context, corefile, { without, onQuery: answerField });
    const slow: Promise<void>[] = [];
    for (const { title, needs, isSlow, run } of inOrder) {
      const missing = needs.filter((name) => TO_COME.includes(name));
      if (missing.length > 0) await context.test(title, { todo: `to come: ${missing}` });
      else if (isSlow === true) slow.push(context.test(title, () => run(field)));
      else await context.test(title, () => run(field));
    }
    await Promise.all(slow);
  });
}

test("every directive of the Corefiles of the field has a check that needs it", () => {
  for (const { file } of FIELD_COREFILES) {
    const checked = FIELD_CHECKS.filter((check) => check.files.includes(file));
    const needs = new Set(checked.flatMap((check) => check.needs));
    const directives = readField(file).matchAll(/^ {4}(\w+)/gm);
    const unchecked = [...directives]
      .map(([, name = ""]) => name)
      .filter((name) => !needs.has(name));
    assert.deepEqual([...new Set(unchecked)], [], file);
  }
});

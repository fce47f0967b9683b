/**
 * Plays every `*.scenario` of `cases/`; `SCENARIO=word` plays those with the word in their name.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { parseScenario, ScenarioError } from "./parse_scenario.ts";
import { runScenario } from "./run_scenario.ts";

const FOLDER = new URL("./cases/", import.meta.url);
const wanted = process.env["SCENARIO"] ?? "";
const seed = Number(process.env["SEED"] ?? 1);

for (const file of readdirSync(FOLDER).sort()) {
  if (!file.endsWith(".scenario") || !file.includes(wanted)) continue;
  const text = readFileSync(new URL(file, FOLDER), "utf8");
  const scenario = parseScenario(text, `tests/scenario/cases/${file}`);
  const name = file.replace(".scenario", "");
  if (scenario.later === "") {
    test(`scenario ${name}`, () => runScenario(scenario, { seed }));
  } else {
    test(`scenario ${name} does not hold yet: ${scenario.later}`, () => {
      assert.throws(() => runScenario(scenario, { seed }), ScenarioError, "remove `later`");
    });
  }
}

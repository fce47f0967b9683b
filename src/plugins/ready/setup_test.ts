import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { readySetup } from "./setup.ts";

test("ready: address and monitor, or CoreDNS' own", () => {
  const cases: [directive: string, address: string, monitor: string][] = [
    ["ready", ":8181", "until-ready"],
    ["ready localhost:8091", "localhost:8091", "until-ready"],
    ["ready {\nmonitor Continuously\n}", ":8181", "continuously"],
  ];
  for (const [directive, address, monitor] of cases) {
    const { settings, problems } = readSetup(readySetup, directive);
    assert.deepEqual(problems, [], directive);
    assert.deepEqual(settings, { address, monitor });
  }
});

test("ready: what does not fit is reported", () => {
  const wanted = "expected until-ready or continuously";
  assert.deepEqual(readSetup(readySetup, "ready {\nmonitor always\nmonitr\n}").problems, [
    `3: Cannot read monitor: ${wanted}, got "always"`,
    '4: Unknown option "monitr": did you mean "monitor"?',
  ]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySource } from "../config/source.ts";
import { checkedInputs } from "./check_command.ts";
import { configCommand } from "./config_command.ts";
import { type ConfigOutput, readConfigOutput } from "./config_flags.ts";
import { readRunOptions } from "./run_flags.ts";

const TEXT =
  "example.org {\n bind 127.0.0.1\n errors {\n  stacktrace\n }\n forward . 192.0.2.1\n}\n";

async function run(output: ConfigOutput, text = TEXT) {
  const lines: string[] = [];
  const errors: string[] = [];
  const terminal = {
    out: (line: string) => lines.push(line),
    error: (line: string) => errors.push(line),
  };
  const source = memorySource({ Corefile: text });
  const values = new Map([["dns.port", 1053]]);
  const inputs = { ...checkedInputs(readRunOptions({ values }), "Corefile"), source };
  const code = await configCommand({ inputs, output }, terminal);
  return { code, out: lines.join("\n"), errors };
}

test("configCommand() prints settings as an outline, and warnings on standard error", async () => {
  const { code, out, errors } = await run("text", "example.org {\n bind 127.0.0.1\n}\n");
  assert.equal(code, 0);
  assert.equal(
    out,
    `file: "Corefile"
servers:
  - name: "example.org"
    place: { file: "Corefile", line: 1, column: 1 }
    serves:
      - { zone: "example.org.", port: 1053 }
    addresses: ["127.0.0.1"]
    plugins:
      bind:
        addresses: ["127.0.0.1"]`,
  );
  assert.deepEqual(errors, [
    "1 warning:",
    'Corefile:1:1: Server block "example.org" has no forward: it answers REFUSED',
    "",
  ]);
});

test("configCommand() prints settings and their schema as JSON", async () => {
  const { servers } = JSON.parse((await run("json")).out);
  assert.equal(servers[0].plugins.forward.rules[0].expireMs, 10_000);
  const schema = JSON.parse((await run("schema", "broken {")).out);
  assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
});

test("configCommand() returns 2 and prints problems when the Corefile cannot be used", async () => {
  assert.deepEqual(await run("json", "example.org {\n cahce\n}\n"), {
    code: 2,
    out: "",
    errors: [
      "1 error:",
      'Corefile:2:2: Unknown directive "cahce": did you mean "cache"?',
      "",
      "nodens: Cannot print Corefile: it cannot be used",
    ],
  });
});

test("readConfigOutput() prefers the schema", () => {
  assert.equal(readConfigOutput({}), "text");
  assert.equal(readConfigOutput({ json: true }), "json");
  assert.equal(readConfigOutput({ json: true, schema: true }), "schema");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySource } from "../config/source.ts";
import { checkCommand } from "./check_command.ts";

const GOOD =
  "example.org {\n bind 127.0.0.1 ::1\n cache {\n  prefetch 1\n }\n forward . 192.0.2.1\n}\n";
const BAD = "example.org {\n cahce\n cache {\n  prefetch 1\n }\n forward . here\n}\n";

function check(text: string, json = false): { code: number; out: string } {
  const lines: string[] = [];
  const terminal = { out: (line: string) => lines.push(line), error: assert.fail };
  const source = memorySource({ Corefile: text });
  const code = checkCommand({ file: null, dnsPort: 1053, json, source }, terminal);
  return { code, out: lines.join("\n") };
}

test("checkCommand() prints warnings of a good Corefile, where it listens, and returns 0", () => {
  assert.deepEqual(check(GOOD), {
    code: 0,
    out: [
      "1 warning:",
      "Corefile:4:3: plugin cache: prefetch has no effect in this version",
      "",
      "Corefile: good: 1 server block on 127.0.0.1:1053, [::1]:1053",
    ].join("\n"),
  });
});

test("checkCommand() prints all errors and warnings of a bad Corefile and returns 2", () => {
  const wanted = "expected an IP address, IP:port, [IPv6]:port or a file";
  assert.deepEqual(check(BAD), {
    code: 2,
    out: [
      "2 errors:",
      'Corefile:2:2: Unknown directive "cahce": did you mean "cache"?',
      `Corefile:6:12: plugin forward: Cannot read upstream: ${wanted}, got "here"`,
      "",
      "1 warning:",
      "Corefile:4:3: plugin cache: prefetch has no effect in this version",
      "",
      "Corefile: cannot be used",
    ].join("\n"),
  });
});

test("checkCommand() prints the same as JSON", () => {
  const { code, out } = check(BAD, true);
  const result = JSON.parse(out);
  assert.equal(code, 2);
  assert.equal(result.ok, false);
  assert.equal(result.problems.length, 3);
  assert.deepEqual(result.problems[0], {
    severity: "error",
    file: "Corefile",
    line: 2,
    column: 2,
    plugin: null,
    message: 'Unknown directive "cahce": did you mean "cache"?',
  });
  assert.deepEqual(JSON.parse(check(GOOD, true).out).ok, true);
});

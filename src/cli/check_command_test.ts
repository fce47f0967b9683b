import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySource } from "../config/source.ts";
import { checkCommand, checkedInputs } from "./check_command.ts";
import { parseFlags } from "./go_flags.ts";
import { RUN_FLAGS, readRunOptions } from "./run_flags.ts";

const CACHE = " cache {\n  serve_stale_policy prefer_positive\n }\n";
const GOOD = `example.org {\n bind 127.0.0.1 ::1\n${CACHE} forward . 192.0.2.1\n}\n`;
const NO_STALE =
  "Corefile:4:3: plugin cache: serve_stale_policy has no effect without serve_stale: " +
  'add "serve_stale" to this cache';
const BAD = `example.org {\n cahce\n${CACHE} forward . here\n}\n`;

async function check(text: string, json = false): Promise<{ code: number; out: string }> {
  return await checkFiles({ Corefile: text }, ["-p", "1053"], json);
}

/** Checks what the server would read with these flags. */
async function checkFiles(
  files: Readonly<Record<string, string>>,
  args: readonly string[],
  json = false,
): Promise<{ code: number; out: string }> {
  const lines: string[] = [];
  const terminal = { out: (line: string) => lines.push(line), error: assert.fail };
  const options = readRunOptions(parseFlags(args, RUN_FLAGS));
  const inputs = { ...checkedInputs(options, null), source: memorySource(files) };
  const code = await checkCommand({ inputs, json }, terminal);
  return { code, out: lines.join("\n") };
}

test("checkCommand() prints warnings of a good Corefile, where it listens, and returns 0", async () => {
  assert.deepEqual(await check(GOOD), {
    code: 0,
    out: [
      "1 warning:",
      NO_STALE,
      "",
      "Corefile: good: 1 server block on 127.0.0.1:1053, [::1]:1053",
    ].join("\n"),
  });
});

test("checkCommand() prints all errors and warnings of a bad Corefile and returns 2", async () => {
  const wanted = "expected an IP address, IP:port, [IPv6]:port or a file";
  assert.deepEqual(await check(BAD), {
    code: 2,
    out: [
      "2 errors:",
      'Corefile:2:2: Unknown directive "cahce": did you mean "cache"?',
      `Corefile:6:12: plugin forward: Cannot read upstream: ${wanted}, got "here"`,
      "",
      "1 warning:",
      NO_STALE,
      "",
      "Corefile: cannot be used",
    ].join("\n"),
  });
});

test("checkCommand() prints the same as JSON", async () => {
  const { code, out } = await check(BAD, true);
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
  assert.deepEqual(JSON.parse((await check(GOOD, true)).out).ok, true);
});

test("checkCommand() says what a template does without, and returns 2", async () => {
  const base = "__PILLAR__DNS__DOMAIN__ {\n bind 127.0.0.1\n forward . 192.0.2.1\n}\n";
  const files = {
    "/etc/coredns/Corefile.base": base,
    "/etc/resolv.conf": "search kube-system.svc.example.org svc.example.org\n",
    "/etc/kube-dns/stubDomains": '{"example.net": ["dns.example.net"]}',
  };
  const wanted = "expected an IP address, IP:PORT or [IPv6]:PORT";
  assert.deepEqual(await checkFiles(files, ["-conf", "/etc/Corefile"]), {
    code: 2,
    out: [
      "1 error:",
      '/etc/kube-dns/stubDomains:1:2: Cannot use the ConfigMap of kube-dns of "example.net", ' +
        `value 1: ${wanted}, got "dns.example.net"`,
      "",
      "/etc/coredns/Corefile.base: can be used, but not all of its values: " +
        "1 server block on 127.0.0.1:53",
    ].join("\n"),
  });
});

test("checkedInputs() prefers a Corefile that is named to a template that is not", () => {
  const options = readRunOptions(parseFlags(["-kubednscm", "map"], RUN_FLAGS));
  const { confFile, template, defaultTemplate, isWritten } = checkedInputs(options, "Corefile");
  assert.deepEqual([confFile, template, defaultTemplate], ["Corefile", null, null]);
  assert.equal(isWritten, false);
});

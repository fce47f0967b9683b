import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadConfig, requireConfig } from "./load.ts";
import { ConfigError, formatProblem } from "./problem.ts";
import { type ConfigSource, memorySource, systemSource } from "./source.ts";

const INTERFACES = [
  { name: "lo", addresses: ["127.0.0.1", "::1"] },
  { name: "eth0", addresses: ["192.0.2.10", "2001:db8::10", "fe80::10%eth0"] },
];

const TESTDATA = fileURLToPath(new URL("./testdata", import.meta.url));

const ENVIRONMENT: Readonly<Record<string, string>> = {
  ZONE: "example.org",
  PORT: "1053",
  ADDRESS: "127.0.0.1",
  TTL: "30",
  UPSTREAMS_FIRST: "192.0.2.1",
  UPSTREAM_PREFIX: "192.0.2.",
};

/** Loads `text` as the file `Corefile`. */
function check(text: string, problems: string[], files: Record<string, string> = {}): void {
  const source = memorySource({ Corefile: text, ...files }, { interfaces: INTERFACES });
  const result = loadConfig({ confFile: null, source });
  assert.deepEqual(result.problems.map(formatProblem), problems, text);
  const hasError = result.problems.some((problem) => problem.severity === "error");
  assert.equal(result.config === null, hasError, text);
}

test("loadConfig() accepts the Corefiles of testdata", () => {
  const warnings: Readonly<Record<string, number>> = {
    "imports.Corefile": 1,
  };
  const source: ConfigSource = {
    ...systemSource,
    environment: (name) => ENVIRONMENT[name],
    interfaces: () => INTERFACES,
  };
  const names = readdirSync(TESTDATA).filter((name) => name.endsWith(".Corefile"));
  assert.ok(names.length > 5);
  for (const name of names) {
    const { config, problems } = loadConfig({ confFile: `${TESTDATA}/${name}`, source });
    assert.notEqual(config, null, problems.map(formatProblem).join("\n"));
    assert.equal(problems.length, warnings[name] ?? 0, name);
  }
});

test("loadConfig() reports every problem of a file at once, in the order of its lines", () => {
  check(
    [
      "a..b {",
      "  cahce 30",
      "  cache {",
      "    success ten",
      "  }",
      "  forward . 192.0.2",
      "  proxy . 192.0.2.1",
      "  zzz",
      "}",
      ".:53 {",
      "  forward . 192.0.2.1",
      "example.org:53 {",
      "}",
    ].join("\n"),
    [
      'Corefile:1: Cannot read zone "a..b": expected no empty label',
      'Corefile:2: Unknown directive "cahce": did you mean "cache"?',
      "Corefile:4: plugin cache: Cannot read CAPACITY of success: " +
        'expected a whole number from 0, got "ten"',
      "Corefile:6: plugin forward: Cannot read upstream: " +
        'expected an IP address, IP:port, [IPv6]:port or a file, got "192.0.2"',
      'Corefile:7: Unknown directive "proxy": use forward in its place',
      'Corefile:8: Unknown directive "zzz": see nodens version -plugins',
      "Corefile:10: Missing '}': the file ends before this block is closed",
      'Corefile:12: Unknown directive "example.org:53": ' +
        "is the '}' of the block above missing?",
    ],
  );
});

test("loadConfig() reports mistakes in what only a compiled plan would look at", () => {
  check('. {\ntemplate IN A {\nanswer "{{ .Name }"\n}\nforward . 192.0.2.1\n}\n', [
    'Corefile:3: plugin template: Cannot read the template "{{ .Name }": unexpected "}"',
  ]);
});

test("loadConfig() names the file that a problem was imported from", () => {
  check(
    ". {\n import a.conf\n forward . 192.0.2.1\n}",
    ['a.conf:2: plugin errors: Cannot log errors to "stderr": expected stdout'],
    { "a.conf": "cache\nerrors stderr" },
  );
});

test("loadConfig() says what to do when there is no Corefile", () => {
  const source = memorySource({});
  const texts = (confFile: string | null) =>
    loadConfig({ confFile, source }).problems.map(formatProblem);
  assert.deepEqual(texts(null), [
    "Corefile: Cannot read the Corefile in the current directory: no such file: " +
      "name one with -conf FILE, or start where a Corefile is",
  ]);
  assert.deepEqual(texts("/etc/none"), ["/etc/none: Cannot read the Corefile: no such file"]);
  check("# only a comment\n", [
    "Corefile: Cannot find a server block: " +
      'expected at least one, such as ".:53 { forward . 192.0.2.1 }" on three lines',
  ]);
});

test("loadConfig() warns about a server block that can answer nothing", () => {
  check(".:53 {\n errors\n}", [
    'Corefile:1: Server block ".:53" has no forward: it answers REFUSED',
  ]);
});

test("loadConfig() refuses the same zone and port twice on one address", () => {
  const block = (keys: string, ...lines: string[]) =>
    `${keys} {\n${[...lines, "forward . 192.0.2.1"].join("\n")}\n}\n`;
  check(block("a") + block("A.:53"), [
    "Corefile:4: Cannot serve dns://a.:53: it is already defined at Corefile:1",
  ]);
  check(block("a a.:53"), [
    "Corefile:1: Cannot serve dns://a.:53: it is already defined in this server block",
  ]);
  check(block("a", "bind 127.0.0.1") + block("a", "bind ::1 127.0.0.1"), [
    "Corefile:5: Cannot serve dns://a.:53 on 127.0.0.1: it is already defined at Corefile:1",
  ]);
  check(block("a", "bind 127.0.0.1") + block("a", "bind ::1"), []);
  check(block("a") + block("a:5353") + block("b"), []);
  check(block("10.0.0.0/7") + block("11.0.0.0/8"), [
    "Corefile:4: Cannot serve dns://11.in-addr.arpa.:53: it is already defined at Corefile:1",
  ]);
});

test("loadConfig() takes several blocks of one zone if all but the last have views", () => {
  const block = (view: string) =>
    `a {\n${view === "" ? "" : `view ${view} {\nexpr do()\n}\n`}forward . 192.0.2.1\n}\n`;
  check(block("x") + block("y") + block(""), []);
  check(block("x") + block("y"), []);
  check(block("") + block("x"), [
    "Corefile:4: Cannot serve dns://a.:53: it is already defined at Corefile:1",
  ]);
  check(block("x") + block("x"), [
    "Corefile:7: Cannot serve dns://a.:53: it is already defined at Corefile:1",
  ]);
});

test("loadConfig() refuses the same zone and port bound and unbound", () => {
  const bound = "a {\nbind 127.0.0.1\nforward . 192.0.2.1\n}\n";
  const unbound = "a {\nforward . 192.0.2.1\n}\n";
  const advice = "bind both blocks to addresses or neither";
  check(bound + unbound, [
    `Corefile:5: Cannot serve dns://a.:53: zone overlaps with Corefile:1: ${advice}`,
  ]);
  check(unbound + bound, [
    `Corefile:4: Cannot serve dns://a.:53: zone overlaps with Corefile:1: ${advice}`,
  ]);
});

test("loadConfig() refuses an upstream that is this server", () => {
  const loops = (line: number) =>
    `this server listens there itself (Corefile:${line}), so queries would loop`;
  check(".:53 {\nbind 127.0.0.1\nforward . 127.0.0.1\n}", [
    `Corefile:3: plugin forward: Cannot forward to 127.0.0.1:53: ${loops(1)}`,
  ]);
  check(".:53 {\nforward . [2001:DB8:0::10]:53 127.0.0.1:5300\n}", [
    `Corefile:2: plugin forward: Cannot forward to [2001:db8::10]:53: ${loops(1)}`,
  ]);
  check(
    "a:53 {\nforward . resolv.conf\n}\nb:5300 {\nforward . 192.0.2.10\n}",
    [
      `Corefile:2: plugin forward: Cannot forward to 192.0.2.10:5300: ${loops(4)}`,
      `Corefile:5: plugin forward: Cannot forward to 192.0.2.10:53: ${loops(1)}`,
    ],
    { "resolv.conf": "nameserver 192.0.2.10:5300\n" },
  );
  check(".:53 {\nbind 127.0.0.1\nforward . 127.0.0.1:5300 ::1 192.0.2.10\n}", []);
});

test("loadConfig() leaves this server out where a resolv.conf names others beside it", () => {
  const files = { "resolv.conf": "nameserver 127.0.0.1\nnameserver 192.0.2.1\n" };
  const text = ".:53 {\nbind 127.0.0.1\nforward . resolv.conf\n}";
  check(text, [], files);
  const { config } = loadConfig({
    confFile: null,
    source: memorySource({ Corefile: text, ...files }),
  });
  const [rule] = config!.servers[0]!.plugins.forward!.rules;
  assert.deepEqual(rule!.upstreams, [{ address: "192.0.2.1", port: 53, tls: null }]);
  const loops = "this server listens there itself (Corefile:1), so queries would loop";
  check(
    ".:53 {\nbind 127.0.0.1\nforward . 127.0.0.1 resolv.conf\n}",
    [`Corefile:3: plugin forward: Cannot forward to 127.0.0.1:53: ${loops}`],
    { "resolv.conf": "nameserver 192.0.2.1\n" },
  );
});

test("loadConfig() refuses filter_aaaa beside dns64", () => {
  const message = "Cannot use filter_aaaa and dns64 in one server block: remove one of them";
  check("a {\nfilter_aaaa\ndns64\nforward . 192.0.2.1\n}", [
    `Corefile:1: plugin filter_aaaa: ${message}`,
  ]);
  check("a {\nfilter_aaaa\nforward . 192.0.2.1\n}\nb {\ndns64\nforward . 192.0.2.1\n}", []);
});

test("loadConfig() uses the default port for keys without one", () => {
  const source = memorySource({ Corefile: "a b:54 {\nforward . 192.0.2.1\n}" });
  const { config } = loadConfig({ confFile: null, source, dnsPort: 1053 });
  assert.deepEqual(config?.servers[0].serves, [
    { zone: "a.", port: 1053 },
    { zone: "b.", port: 54 },
  ]);
});

test("requireConfig() throws a ConfigError with all problems", () => {
  const source = memorySource({ Corefile: ". {\nfoo\nbar\n}" });
  assert.throws(
    () => requireConfig({ confFile: null, source }),
    (error) => error instanceof ConfigError && error.problems.length === 2,
  );
  const good = memorySource({ Corefile: ". {\nforward . 192.0.2.1\n}" });
  assert.deepEqual(requireConfig({ confFile: null, source: good }).warnings, []);
});

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { startFixtureUpstream } from "../support/fixture_upstream.ts";
import { freePort } from "../support/free_port.ts";
import { schemaProblems } from "../support/json_schema.ts";
import { runNodens, writeCorefile } from "../support/nodens_process.ts";

const NODE_CACHE_FLAGS = [
  ["-setupinterface=false"],
  ["-interfacename", "nodelocaldns"],
  ["-syncinterval", "60"],
  ["-metrics-listen-address", "0.0.0.0:9353"],
  ["-prometheus-listen-address", ":9253"],
  ["-setupiptables=false"],
  ["-basecorefile", "/etc/coredns/Corefile.base"],
  ["-corefile", "/etc/Corefile"],
  ["-kubednscm", "/etc/kube-dns"],
  ["-upstreamsvc", "kube-dns-upstream"],
  ["-health-port", "8080"],
  ["-skipteardown"],
  ["-reloadwithsignal=true"],
] as const;

const BAD_COREFILE = `.:53 {
  cahce 30
  forward . 192.0.2.53 {
    policy fastest
  }
  bind 192.0.2.999
}
`;

function corefileWith(context: TestContext, text: string): string {
  const { file, remove } = writeCorefile(text);
  cleanUp(context, remove);
  return file;
}

async function fixture(context: TestContext): Promise<number> {
  const upstream = await startFixtureUpstream();
  cleanUp(context, () => upstream.close());
  return upstream.port;
}

test("nodens config prints settings that fit the schema that it prints", async (context) => {
  const file = corefileWith(context, ". {\nbind 127.0.0.1\ncache 30\nforward . 192.0.2.53\n}\n");
  const json = await runNodens(["config", "-conf", file, "-json", "-dns.port", "5353"]);
  assert.deepEqual([json.code, json.stderr], [0, ""]);
  const settings = JSON.parse(json.stdout);
  assert.deepEqual(settings.servers[0].serves, [{ zone: ".", port: 5353 }]);
  assert.equal(settings.servers[0].plugins.cache.success.ttlSecMax, 30);
  const schema = await runNodens(["config", "-schema"]);
  assert.deepEqual(schemaProblems(settings, JSON.parse(schema.stdout)), []);
  const text = await runNodens(["config", file]);
  assert.match(text.stdout, /^ {4}addresses: \["127\.0\.0\.1"\]$/m);
});

test("nodens fmt checks, writes and refuses", async (context) => {
  const file = corefileWith(context, ". {\nerrors # all\nforward . 192.0.2.53\n}\n");
  const formatted = ". {\n    errors # all\n    forward . 192.0.2.53\n}\n";
  const checked = await runNodens(["fmt", "-check", file]);
  assert.deepEqual(checked, { code: 1, stdout: `${file}:2: not formatted\n`, stderr: "" });
  assert.equal((await runNodens(["fmt", file])).stdout, formatted);
  assert.equal((await runNodens(["fmt", "-write", file])).code, 0);
  assert.equal(readFileSync(file, "utf8"), formatted);
  assert.equal((await runNodens(["fmt", "-check", file])).code, 0);
  const broken = await runNodens(["fmt", corefileWith(context, ". {\n")]);
  assert.deepEqual([broken.code, broken.stdout], [2, ""]);
  assert.match(broken.stderr, /Corefile:1:3: Missing '}'/);
});

test("nodens check says that a good Corefile is good", async (context) => {
  const file = corefileWith(context, ". {\nbind 127.0.0.1\ncache 30\nforward . 192.0.2.53\n}\n");
  const plain = await runNodens(["check", file, "-dns.port", "5353"]);
  assert.deepEqual(plain, {
    code: 0,
    stdout: `${file}: good: 1 server block on 127.0.0.1:5353\n`,
    stderr: "",
  });
  const { code, stdout } = await runNodens(["check", "--json", file]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { file, ok: true, problems: [] });
});

test("nodens check reports all that is wrong, with lines and the nearest words", async (context) => {
  const file = corefileWith(context, BAD_COREFILE);
  const { code, stdout, stderr } = await runNodens(["check", file]);
  assert.equal(code, 2);
  assert.equal(stderr, "");
  assert.match(stdout, /^3 errors:$/m);
  assert.match(stdout, new RegExp(`^${file}:2:3: .*cahce.*"?cache"?`, "m"));
  assert.match(stdout, new RegExp(`^${file}:4:12: plugin forward: .*fastest`, "m"));
  assert.match(stdout, new RegExp(`^${file}:6:8: plugin bind: .*192\\.0\\.2\\.999`, "m"));
  const json = await runNodens(["check", file, "--json"]);
  assert.equal(json.code, 2);
  const result = JSON.parse(json.stdout);
  assert.equal(result.ok, false);
  assert.deepEqual(
    result.problems.map((problem: { line: number }) => problem.line),
    [2, 4, 6],
  );
});

test("nodens refuses a wrong Corefile with all problems and 2", async (context) => {
  const file = corefileWith(context, BAD_COREFILE);
  const { code, stdout, stderr } = await runNodens(["-conf", file]);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  for (const place of ["2:3", "4:12", "6:8"])
    assert.match(stderr, new RegExp(`^${file}:${place}: `, "m"));
  assert.doesNotMatch(stderr, /\n\s+at /);
});

test("nodens check finds a missing file, a loop and an overlap", async (context) => {
  const missing = await runNodens(["check", "/nowhere/Corefile"]);
  assert.equal(missing.code, 2);
  assert.match(missing.stdout, /Cannot read the Corefile: no such file/);
  const block = ".:5301 {\nbind 127.0.0.1\nforward . 127.0.0.1:5301\n}\n";
  const { code, stdout } = await runNodens(["check", corefileWith(context, block + block)]);
  assert.equal(code, 2);
  assert.match(stdout, /already defined/);
  assert.match(stdout, /loop|itself/);
});

test("nodens reads imports, snippets and environment variables", async (context) => {
  const upstream = await fixture(context);
  const port = await freePort();
  const file = corefileWith(
    context,
    `(common) {
      bind {$NODENS_TEST_BIND}
      cache # with a comment
      errors
    }
    import zones/*.server
    `,
  );
  const folder = join(dirname(file), "zones");
  mkdirSync(folder);
  const forward = `forward . "127.0.0.1:{%NODENS_TEST_UPSTREAM%}"`;
  writeFileSync(
    join(folder, "root.server"),
    `.:${port} {\nimport common\nimport ../{$NODENS_TEST_FILE}\n}\n`,
  );
  writeFileSync(join(dirname(file), "forward.snippet"), `${forward}\n`);
  const environment = {
    NODENS_TEST_BIND: "127.0.0.1",
    NODENS_TEST_UPSTREAM: String(upstream),
    NODENS_TEST_FILE: "forward.snippet",
  };
  const { serve } = await import("../support/serve.ts");
  await serve(context, readFileSync(file, "utf8").replace("import zones", `import ${folder}`), {
    environment,
  });
  assert.equal((await ask(port, "example.org", "A")).rcode, "NOERROR");
});

test("nodens query prints answers for people and for programs", async (context) => {
  const port = String(await fixture(context));
  const at = ["@127.0.0.1", "-p", port];
  const text = await runNodens(["query", "example.org", ...at]);
  assert.equal(text.code, 0);
  assert.match(text.stdout, /^;; NOERROR {2}example\.org\. A$/m);
  assert.match(text.stdout, /^example\.org\.\s+300\s+(IN\s+)?A\s+192\.0\.2\.10$/m);
  assert.match(text.stdout, new RegExp(`from 127\\.0\\.0\\.1:${port} by UDP$`, "m"));
  const short = await runNodens(["query", "example.org", "AAAA", "-short", ...at]);
  assert.deepEqual(short, { code: 0, stdout: "2001:db8::10\n", stderr: "" });
  const reverse = await runNodens(["query", "-x", "192.0.2.10", "+short", ...at]);
  assert.deepEqual(reverse, { code: 0, stdout: "example.org.\n", stderr: "" });
  const tcp = await runNodens(["query", "example.org", "MX", "+tcp", "--json", ...at]);
  const reply = JSON.parse(tcp.stdout);
  assert.equal(reply.status, "NOERROR");
  assert.equal(reply.protocol, "TCP");
  assert.equal(reply.answers.length, 2);
  const large = await runNodens(["query", "large.example.org", "TXT", "--json", ...at]);
  assert.equal(JSON.parse(large.stdout).protocol, "TCP");
  const denied = await runNodens(["query", "nothing.example.org", ...at]);
  assert.equal(denied.code, 0);
  assert.match(denied.stdout, /^;; NXDOMAIN/m);
});

test("nodens query ends with 1 and one sentence when no server answers", async () => {
  const port = String(await freePort());
  for (const transport of [[], ["-tcp"]]) {
    const at = ["@127.0.0.1", "-p", port, ...transport];
    const { code, stdout, stderr } = await runNodens(["query", "example.org", ...at]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    const sentence = `No answer from 127.0.0.1:${port}: no server listens there`;
    assert.equal(stderr, `nodens query: ${sentence}\n`);
  }
});

test("nodens -version, version -plugins and -plugins tell what it is", async () => {
  const version = await runNodens(["version"]);
  assert.deepEqual(await runNodens(["-version"]), version);
  for (const words of [["version", "-plugins"], ["-plugins"]]) {
    const { code, stdout } = await runNodens(words);
    assert.equal(code, 0);
    for (const plugin of ["bind", "cache", "errors", "forward", "log"]) {
      assert.match(stdout, new RegExp(`^${plugin}$`, "m"));
    }
  }
});

test("nodens -help, --help, -h and help tell the same, on stdout", async () => {
  const help = await runNodens(["help"]);
  assert.equal(help.code, 0);
  assert.equal(help.stderr, "");
  for (const words of [["-help"], ["--help"], ["-h"]]) {
    assert.deepEqual(await runNodens(words), help);
  }
  const names = ["conf", "dns.port", "memory", "workers"];
  names.push(...NODE_CACHE_FLAGS.map(([flag]) => flag.slice(1).replace(/=.*/, "")));
  for (const name of names) assert.match(help.stdout, new RegExp(`^ +(-p, )?-${name}\\b`, "m"));
  for (const command of ["check", "query", "version"]) {
    assert.match(
      (await runNodens(["help", command])).stdout,
      new RegExp(`^Usage: nodens ${command}`),
    );
  }
});

test("nodens ends with 2 and the nearest word for what it does not know", async () => {
  for (const [words, pattern] of [
    [["-cnof", "x"], /^nodens: Unknown flag "-cnof": did you mean "-conf"\?\n$/],
    [["chekc"], /^nodens: Unknown command "chekc": did you mean "check"\?\n$/],
    [["-dns.port", "99999"], /^nodens: .*-dns\.port.*port.*"99999"\n$/],
    [["-memory", "much"], /^nodens: .*-memory.*size.*"much"\n$/],
    [["-workers", "0"], /^nodens: .*-workers.*"0"\n$/],
    [["-conf"], /^nodens: .*-conf FILE\n$/],
    [["query"], /^nodens: .*NAME.*\n$/],
    [["query", "example.org", "BOGUS", "@127.0.0.1"], /^nodens: .*BOGUS.*\n$/],
  ] as const) {
    const { code, stdout, stderr } = await runNodens(words);
    assert.equal(code, 2, words.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, pattern);
  }
});

test("nodens takes every flag of node-cache but -localip, with one dash and with two", async (context) => {
  const upstream = await fixture(context);
  const { serve } = await import("../support/serve.ts");
  const corefile = `.:0 {\nbind 127.0.0.1\nforward . 127.0.0.1:${upstream}\n}\n`;
  for (const dashes of ["", "-"]) {
    const parameters = NODE_CACHE_FLAGS.flatMap(([flag, ...value]) => [dashes + flag, ...value]);
    const server = await serve(context, corefile, { parameters });
    assert.equal((await ask(server.port, "example.org", "A")).rcode, "NOERROR");
    const missing = "/etc/coredns/Corefile.base: Cannot read the template of the Corefile";
    assert.ok(server.stdout().includes(`${missing}: no such file: `), server.stdout());
  }
});

test("nodens ends with 1 and one sentence when an address is not of this machine", async (context) => {
  const file = corefileWith(context, ".:5302 {\nbind 192.0.2.1\nforward . 192.0.2.53\n}\n");
  const { code, stdout, stderr } = await runNodens(["-conf", file]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^nodens: .*192\.0\.2\.1:5302.*\n$/);
});

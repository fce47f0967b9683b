import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createInputs, type Inputs, requireReading } from "./inputs.ts";
import type { InputsOptions, InputsReading } from "./inputs_reading.ts";
import { ConfigError, formatProblem } from "./problem.ts";
import { type ConfigSource, memorySource } from "./source.ts";

const BASE = "/etc/coredns/Corefile.base";
const STUBS = "/etc/kube-dns/stubDomains";
const UPSTREAMS = "/etc/kube-dns/upstreamNameservers";

/** Two blocks of a stock template, with what this version knows of it. */
const TEMPLATE = `__PILLAR__DNS__DOMAIN__:53 {
    errors
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
}
.:53 {
    errors
    cache 30
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__UPSTREAM__SERVERS__ {
            force_tcp
    }
}
`;

const ENVIRONMENT = { KUBE_DNS_UPSTREAM_SERVICE_HOST: "192.0.2.53" };
const RESOLV_CONF = "nameserver 192.0.2.1\nsearch svc.k8s.example\n";

function optionsWith(source: ConfigSource, options: Partial<InputsOptions> = {}): InputsOptions {
  return {
    confFile: "/etc/Corefile",
    dnsPort: 53,
    localIps: ["169.254.20.10"],
    template: null,
    output: null,
    kubeDnsMap: null,
    upstreamService: "kube-dns-upstream",
    prometheusEndpoint: ":9253",
    isWritten: false,
    source,
    lookUp: () => Promise.resolve([]),
    ...options,
  };
}

/** Inputs of files that the test may change. */
function inputsOf(
  given: Readonly<Record<string, string>>,
  options: Partial<InputsOptions> = {},
  environment: Readonly<Record<string, string>> = ENVIRONMENT,
): { inputs: Inputs; files: Record<string, string> } {
  const files: Record<string, string> = { "/etc/resolv.conf": RESOLV_CONF, ...given };
  const source = memorySource(files, { environment });
  return { inputs: createInputs(optionsWith(source, options)), files };
}

const texts = ({ problems }: InputsReading) => problems.map(formatProblem);

/** Upstreams of each zone, such as `example.org. 192.0.2.1`. */
function forwards({ config }: InputsReading): string[] {
  return (config?.servers ?? []).map(({ serves, plugins }) => {
    const upstreams = (plugins.forward?.rules ?? []).flatMap((rule) => rule.upstreams);
    return [serves[0]?.zone, ...upstreams.map(({ address }) => address)].join(" ");
  });
}

test("createInputs() reads a Corefile as it stands where there is no template", async () => {
  const corefile = ". {\n bind 127.0.0.1\n forward . 192.0.2.1\n}\n";
  for (const options of [
    { confFile: "Corefile" },
    { confFile: null },
    { confFile: null, output: "Corefile" },
  ]) {
    const reading = await inputsOf({ Corefile: corefile, [STUBS]: "{" }, options).inputs.read();
    assert.deepEqual(forwards(reading), [". 192.0.2.1"]);
    assert.deepEqual([reading.file, reading.rendered, texts(reading)], ["Corefile", null, []]);
  }
});

test("createInputs() makes a Corefile of a template and all that fills it", async () => {
  const { inputs } = inputsOf({
    [BASE]: TEMPLATE,
    [STUBS]: '{"example.org": ["192.0.2.7"], "a.example": ["192.0.2.8"]}',
    [UPSTREAMS]: '["192.0.2.9"]',
  });
  const reading = await inputs.read();
  assert.deepEqual(texts(reading), []);
  assert.equal(reading.file, BASE);
  assert.equal(
    reading.rendered,
    `k8s.example:53 {
    errors
    bind 169.254.20.10${" "}
    forward . 192.0.2.53 {
            force_tcp
    }
}
.:53 {
    errors
    cache 30
    bind 169.254.20.10${" "}
    forward . 192.0.2.9
}

a.example:53 {
    errors
    cache 30
    bind 169.254.20.10
    forward . 192.0.2.8
}

example.org:53 {
    errors
    cache 30
    bind 169.254.20.10
    forward . 192.0.2.7
}
`,
  );
  assert.deepEqual(forwards(reading), [
    "k8s.example. 192.0.2.53",
    ". 192.0.2.9",
    "a.example. 192.0.2.8",
    "example.org. 192.0.2.7",
  ]);
  assert.deepEqual(await inputs.read(), reading);
});

test("createInputs() forwards by resolv.conf without upstreams of the user", async () => {
  const reading = await inputsOf({ [BASE]: TEMPLATE }).inputs.read();
  assert.deepEqual(forwards(reading), ["k8s.example. 192.0.2.53", ". 192.0.2.1"]);
});

test("createInputs() names places of the template, of imports and of the ConfigMap", async () => {
  const template = TEMPLATE.replace("cache 30", "cahce 30");
  const { inputs, files } = inputsOf({
    [BASE]: `${template}import custom/*.server\n`,
    "/etc/custom/one.server": "one.example {\n bind 169.254.20.10\n zzz\n forward . 192.0.2.1\n}",
    "/etc/coredns/custom/two.server": "never read",
    [STUBS]: '{\n"example.org": ["169.254.20.10"]\n}',
    [UPSTREAMS]: '["192.0.2.9"]',
  });
  const reading = await inputs.read();
  assert.equal(reading.config, null);
  assert.deepEqual(
    texts(reading).map((text) => text.replace(/: this version.*/, "")),
    [
      `${BASE}:10: Unknown directive "cahce": did you mean "cache"?`,
      '/etc/custom/one.server:3: Unknown directive "zzz": see nodens version -plugins',
    ],
  );
  delete files["/etc/custom/one.server"];
  files["/etc/coredns/custom/two.server"] = "two.example {\n zzz\n}\n";
  const again = await inputs.read();
  assert.ok(texts(again).some((text) => text.startsWith("/etc/coredns/custom/two.server:2: ")));
});

test("createInputs() does without a ConfigMap that breaks the rest, and says so", async () => {
  const { inputs, files } = inputsOf({
    [BASE]: TEMPLATE,
    [STUBS]: '{\n  "example.org": ["169.254.20.10"]\n}',
  });
  const why = "this address is taken over (-localip), so queries would loop";
  const advice = "name another address of that server, such as a second Service for it";
  const loop = `plugin forward: Cannot forward to 169.254.20.10:53: ${why}: ${advice}`;
  const without = await inputs.read();
  assert.deepEqual(forwards(without), ["k8s.example. 192.0.2.53", ". 192.0.2.1"]);
  assert.deepEqual(texts(without), [
    `${STUBS}:2: ${loop}`,
    "/etc/kube-dns: The ConfigMap of kube-dns is left out",
  ]);
  files[STUBS] = '{"example.org": ["192.0.2.7"]}';
  assert.deepEqual(texts(await inputs.read()), []);
  files[STUBS] = '{"example.org": ["169.254.20.10"]}';
  const before = await inputs.read();
  assert.deepEqual(forwards(before).at(-1), "example.org. 192.0.2.7");
  assert.deepEqual(texts(before), [
    `${STUBS}:1: ${loop}`,
    "/etc/kube-dns: The ConfigMap of kube-dns is used as it was before",
  ]);
});

test("createInputs() keeps what a broken ConfigMap said before", async () => {
  const { inputs, files } = inputsOf({
    [BASE]: TEMPLATE,
    [STUBS]: '{"example.org": ["192.0.2.7"]}',
  });
  const good = await inputs.read();
  files[STUBS] = '{"example.org": ["192.0.2.7"]';
  const broken = await inputs.read();
  assert.equal(broken.rendered, good.rendered);
  assert.equal(broken.hash, good.hash);
  assert.match(texts(broken).join("\n"), /^\/etc\/kube-dns\/stubDomains.*: it is no JSON: .*$/);
  assert.equal(broken.problems[0]?.severity, "error");
});

test("createInputs() asks for the cluster's DNS only where the template does", async () => {
  let count = 0;
  const lookUp = () => {
    count++;
    return Promise.resolve([]);
  };
  const plain = "forward . 192.0.2.1\n# not __PILLAR__CLUSTER__DNS__\n";
  const good = await inputsOf({ [BASE]: `. {\n${plain}}\n` }, { lookUp }, {}).inputs.read();
  assert.deepEqual([texts(good), count], [[], 0]);
  const { inputs } = inputsOf({ [BASE]: TEMPLATE }, { lookUp }, {});
  const reading = await inputs.read();
  assert.deepEqual([reading.config, reading.rendered, count], [null, null, 4]);
  assert.equal(reading.problems.length, 1);
  const [problem = ""] = texts(reading);
  assert.ok(problem.startsWith(`${BASE}:4: Cannot find an address for __PILLAR__CLUSTER__DNS__: `));
  assert.match(problem, /-upstreamsvc/);
});

test("createInputs() keeps the address that DNS had once", async () => {
  let answer = ["2001:db8::53"];
  const lookUp = () => Promise.resolve(answer);
  const { inputs } = inputsOf({ [BASE]: TEMPLATE }, { lookUp }, {});
  assert.deepEqual(forwards(await inputs.read())[0], "k8s.example. 2001:db8::53");
  answer = [];
  const reading = await inputs.read();
  assert.deepEqual(forwards(reading)[0], "k8s.example. 2001:db8::53");
  assert.match(texts(reading)[0] ?? "", /: 2001:db8::53 is used as before$/);
});

test("createInputs() says what is missing for a template", async () => {
  const { inputs } = inputsOf(
    { [BASE]: TEMPLATE, "/etc/resolv.conf": "nameserver 192.0.2.1\n" },
    {
      localIps: [],
    },
  );
  const reading = await inputs.read();
  assert.equal(reading.config, null);
  assert.deepEqual(texts(reading), [
    `${BASE}:1: __PILLAR__DNS__DOMAIN__ is taken for cluster.local: ` +
      "no search list in /etc/resolv.conf has the cluster's domain",
    `${BASE}:3: Cannot find an address for __PILLAR__LOCAL__DNS__: ` +
      "name the addresses of DNS on this node with -localip",
  ]);
});

test("createInputs() takes the Corefile as it stands where a named template is missing", async () => {
  const options = { template: "/none", confFile: "Corefile" };
  const corefile = ". {\n forward . 192.0.2.1\n}\n";
  const reading = await inputsOf({ Corefile: corefile }, options).inputs.read();
  const what = "/none: Cannot read the template of the Corefile: no such file";
  assert.deepEqual(texts(reading), [`${what}: Corefile is used as it stands`]);
  assert.deepEqual(forwards(reading), [". 192.0.2.1"]);
  const neither = await inputsOf({}, options).inputs.read();
  assert.deepEqual(texts(neither), [
    `${what}: name the file that holds it with -basecorefile`,
    "Corefile: Cannot read the Corefile: no such file",
  ]);
});

test("createInputs() knows a template where a Corefile is wanted", async () => {
  const { inputs } = inputsOf({ Corefile: TEMPLATE }, { confFile: "Corefile" });
  const { config, problems } = await inputs.read();
  assert.equal(config, null);
  assert.equal(
    problems[0]?.message,
    "The file has variables of a template: name it with -basecorefile, and another file with -conf",
  );
});

test("createInputs() reads standard input once, whatever templates there are", async () => {
  let count = 0;
  const memory = memorySource({ [BASE]: TEMPLATE });
  const source: ConfigSource = {
    ...memory,
    readFile(path) {
      if (path !== "stdin") return memory.readFile(path);
      count++;
      return ". {\n forward . 192.0.2.1\n}\n";
    },
  };
  const inputs = createInputs(optionsWith(source, { confFile: "stdin" }));
  const reading = await inputs.read();
  assert.deepEqual(forwards(reading), [". 192.0.2.1"]);
  assert.deepEqual(await inputs.read(), reading);
  inputs.watch(assert.fail).stop();
  assert.equal(count, 1);
});

test("createInputs() has a hash of what the Corefile says, not of how", async () => {
  const { inputs, files } = inputsOf({ [BASE]: TEMPLATE });
  const { hash } = await inputs.read();
  assert.match(hash, /^[0-9a-f]{128}$/);
  files[BASE] = `# comment\n${TEMPLATE.replaceAll("    ", "\t")}`;
  assert.equal((await inputs.read()).hash, hash);
  files[BASE] = TEMPLATE.replace("cache 30", "cache 31");
  assert.notEqual((await inputs.read()).hash, hash);
});

test("createInputs() replaces environment variables in a template too", async () => {
  const base = "{$ZONE} {\n forward . __PILLAR__CLUSTER__DNS__\n}\n";
  const { inputs } = inputsOf({ [BASE]: base }, {}, { ...ENVIRONMENT, ZONE: "example.org" });
  assert.deepEqual(forwards(await inputs.read()), ["example.org. 192.0.2.53"]);
});

test("createInputs() reads again when a ConfigMap is swapped meanwhile", async () => {
  let link = "..v1";
  const memory = memorySource({
    "/map/..v1/Corefile": "import zones\n",
    "/map/..v1/zones": "v1.example {\n forward . 192.0.2.1\n}\n",
    "/map/..v2/Corefile": "import zones\n",
    "/map/..v2/zones": "v2.example {\n forward . 192.0.2.2\n}\n",
  });
  const source: ConfigSource = {
    ...memory,
    readFile(path) {
      const text = memory.readFile(path);
      // Between the Corefile and what it imports.
      link = "..v2";
      return text;
    },
    dataLink: (directory) => (directory === "/map" ? link : null),
  };
  const inputs = createInputs(optionsWith(source, { confFile: "/map/Corefile" }));
  assert.deepEqual(forwards(await inputs.read()), ["v2.example. 192.0.2.2"]);
});

test("createInputs() writes the Corefile of a template, and goes on when it cannot", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nodens-inputs-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const output = join(folder, "Corefile");
  const options = { isWritten: true, confFile: null, output };
  const { inputs, files } = inputsOf({ [BASE]: TEMPLATE }, options);
  const good = await inputs.read();
  assert.deepEqual(texts(good), []);
  assert.equal(readFileSync(output, "utf8"), good.rendered);
  files[BASE] = TEMPLATE.replace("errors", "erorrs");
  assert.equal((await inputs.read()).config, null);
  assert.equal(readFileSync(output, "utf8"), good.rendered);
  const lost = join(folder, "none", "Corefile");
  const unwritten = await inputsOf(
    { [BASE]: TEMPLATE },
    {
      ...options,
      confFile: lost,
    },
  ).inputs.read();
  assert.notEqual(unwritten.config, null);
  assert.deepEqual(texts(unwritten), [
    `${lost}: The Corefile is written here, by -conf, and not to ${output}`,
    `${lost}: Cannot write the Corefile: ENOENT: it is used from memory alone`,
  ]);
});

test("requireReading() throws a ConfigError with all problems", async () => {
  const { inputs } = inputsOf({ Corefile: ". {\nfoo\nbar\n}" }, { confFile: "Corefile" });
  await assert.rejects(
    requireReading(inputs),
    (error) => error instanceof ConfigError && error.problems.length === 2,
  );
});

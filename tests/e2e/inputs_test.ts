import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { freePort } from "../support/free_port.ts";
import { launchNodens } from "../support/nodens_process.ts";
import { answerAll, startScriptedUpstream } from "../support/scripted_upstream.ts";
import { until } from "../support/until.ts";

/** `-localip` would take addresses over: the node's address stands in the template itself. */
const templateOf = (port: number, clusterPort: number) => `__PILLAR__DNS__DOMAIN__:${port} {
    errors
    bind 127.0.0.1
    forward . __PILLAR__CLUSTER__DNS__:${clusterPort} {
            force_tcp
    }
}
.:${port} {
    errors
    cache 30
    bind 127.0.0.1
    forward . __PILLAR__UPSTREAM__SERVERS__ {
            force_tcp
    }
}
`;

/** Files as the kubelet mounts them: each a link by way of `..data`. */
function mount(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, "..v1"), { recursive: true });
  symlinkSync("..v1", join(folder, "..data"));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, "..v1", name), text);
    symlinkSync(`..data/${name}`, join(folder, name));
  }
}

interface Node {
  /** What a DaemonSet of node-cache has as arguments, without addresses to take over. */
  readonly args: readonly string[];
  readonly output: string;
  readonly stubDomains: string;
  readonly port: number;
  /** Ports of the cluster's DNS, the user's upstream, and the stub domain's server. */
  readonly upstreams: Readonly<Record<"cluster" | "own" | "stub", Upstream>>;
}

type Upstream = Awaited<ReturnType<typeof startScriptedUpstream>>;

async function makeNode(
  context: TestContext,
  stubDomains: (stubPort: number) => string,
): Promise<Node> {
  const folder = mkdtempSync(join(tmpdir(), "nodens-inputs-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  const upstreams = {
    cluster: await startScriptedUpstream(context, answerAll),
    own: await startScriptedUpstream(context, answerAll),
    stub: await startScriptedUpstream(context, answerAll),
  };
  const port = await freePort();
  const [base, map, output] = ["base", "map", "Corefile"].map((name) => join(folder, name));
  mount(base!, { "Corefile.base": templateOf(port, upstreams.cluster.port) });
  mount(map!, {
    stubDomains: stubDomains(upstreams.stub.port),
    upstreamNameservers: JSON.stringify([`127.0.0.1:${upstreams.own.port}`]),
  });
  const args = [
    ...["-basecorefile", join(base!, "Corefile.base"), "-conf", output!],
    ...["-kubednscm", map!, "-upstreamsvc", "kube-dns-upstream"],
  ];
  return { args, output: output!, stubDomains: join(map!, "stubDomains"), port, upstreams };
}

const ENVIRONMENT = { ...process.env, KUBE_DNS_UPSTREAM_SERVICE_HOST: "127.0.0.1" };

async function start(context: TestContext, node: Node): Promise<() => string> {
  const nodens = launchNodens(node.args, undefined, ENVIRONMENT);
  cleanUp(context, () => nodens.stop());
  await until("nodens says that it listens", () => {
    assert.equal(nodens.child.exitCode, null, nodens.stderr());
    return /, pid \d+$/m.test(nodens.stdout());
  });
  return nodens.stdout;
}

async function check(
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const nodens = launchNodens(["check", ...args], undefined, ENVIRONMENT);
  await nodens.ended;
  return { code: nodens.child.exitCode, stdout: nodens.stdout(), stderr: nodens.stderr() };
}

test("nodens serves what a template, the environment and the kube-dns ConfigMap say", async (context) => {
  const node = await makeNode(context, (port) => `{"stub.example": ["127.0.0.1:${port}"]}`);
  const log = await start(context, node);
  for (const [name, upstream] of [
    ["kubernetes.default.svc.cluster.local", "cluster"],
    ["example.org", "own"],
    ["host.stub.example", "stub"],
  ] as const) {
    assert.equal((await ask(node.port, name, "A")).rcode, "NOERROR", name);
    for (const [other, { count }] of Object.entries(node.upstreams)) {
      assert.equal(count(`${name}.`), other === upstream ? 1 : 0, `${name} asked of ${other}`);
    }
  }
  assert.doesNotMatch(log(), /\[ERROR\]/);
  const written = readFileSync(node.output, "utf8");
  assert.doesNotMatch(written, /__|<nil>/);
  assert.match(written, new RegExp(`^stub\\.example:${node.port} \\{\n {4}errors\n`, "m"));
});

test("nodens starts without what is broken in the kube-dns ConfigMap, and says what", async (context) => {
  const node = await makeNode(context, () => '{"stub.example": "127.0.0.1"');
  const log = await start(context, node);
  assert.equal((await ask(node.port, "example.org", "A")).rcode, "NOERROR");
  const lines = log()
    .split("\n")
    .filter((line) => line.startsWith("[ERROR]"));
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /stubDomains:1:\d+: Cannot use the ConfigMap of kube-dns: /);
});

test("nodens check reads what the server would read, and writes nothing", async (context) => {
  const node = await makeNode(context, (port) => `{"a b": ["x"], "c.example": ["::1:${port}0"]}`);
  const flags = ["-setupinterface=false", "-skipteardown", "-syncinterval", "60"];
  const { code, stdout, stderr } = await check([...node.args, ...flags]);
  assert.deepEqual([code, stderr], [2, ""]);
  assert.match(stdout, /^2 errors:$/m);
  assert.match(stdout, /"a b": expected a domain name/);
  assert.match(stdout, /"c\.example", value 1: expected an IP address/);
  assert.match(
    stdout,
    /Corefile\.base: can be used, but not all of its values: 2 server blocks on /,
  );
  assert.throws(() => readFileSync(node.output), { code: "ENOENT" });
});

test("nodens check names the line of the template, not of what it became", async (context) => {
  const node = await makeNode(context, () => "{}");
  const base = node.args[1]!;
  const text = readFileSync(base, "utf8").replace("cache 30", "cahce 30");
  writeFileSync(base, text);
  const { code, stdout } = await check(node.args);
  assert.equal(code, 2);
  assert.ok(stdout.includes(`${base}:10:5: Unknown directive "cahce": did you mean "cache"?`));
});

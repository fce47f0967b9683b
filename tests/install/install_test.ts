/** hack/install.sh, with the real kubectl, on clusters of paper. */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { findKubectls } from "../deploy/support/kustomize.ts";
import type { Finished } from "../netns/support/namespaces.ts";
import { type ClusterOptions, FakeCluster } from "./support/fake_cluster.ts";
import {
  type ClusterShape,
  clusterObjects,
  configMap,
  nodeNamed,
  olderAgent,
} from "./support/objects.ts";
import { type Behaviour, PaperRunner, type PodFacts } from "./support/paper_runner.ts";
import type { KubeObject } from "./support/resources.ts";
import { Operator } from "./support/run_script.ts";

const [OLD_KUBECTL, NEW_KUBECTL] = findKubectls();
const NODE_CACHE_IPS = "169.254.20.10,10.96.0.10";
const NODE_CACHE_COREFILE = `.:53 {\n    cache 30\n    bind 169.254.20.10 10.96.0.10
    forward . __PILLAR__CLUSTER__DNS__\n    prometheus :9253\n}\n`;

interface Setting extends Partial<ClusterOptions> {
  readonly shape?: ClusterShape;
  readonly others?: readonly KubeObject[];
  readonly behaviour?: (facts: PodFacts) => Behaviour;
  readonly kubectl?: string;
}

async function prepare(context: TestContext, setting: Setting = {}) {
  const { shape = {}, others = [], behaviour, kubectl, ...options } = setting;
  const runner = new PaperRunner(behaviour);
  const objects = [...clusterObjects(shape), ...others];
  const cluster = await FakeCluster.start(context, { objects, runner, ...options });
  const operator = new Operator(context, cluster, kubectl);
  const { store } = cluster;
  const args = () => containerOf(store.get("DaemonSet", "nodens"))?.args ?? [];
  const corefile = () => store.get("ConfigMap", "nodens")?.data?.["Corefile"] ?? "";
  return { cluster, store, runner, operator, args, corefile };
}

function containerOf(set: KubeObject | null) {
  const spec = set?.spec as
    | { template: { spec: { containers: { image: string; args: string[] }[] } } }
    | undefined;
  return spec?.template.spec.containers[0];
}

/** The value of a flag among words. */
function flagOf(words: readonly string[], flag: string): string | undefined {
  return words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined;
}

function expectDone({ code, stdout, stderr }: Finished): void {
  assert.equal(code, 0, stdout + stderr);
}

/** Failed, with nothing but this said on standard error. */
function expectRefused({ code, stdout, stderr }: Finished, exitCode: number, text: RegExp): void {
  assert.equal(code, exitCode, stdout + stderr);
  assert.match(stderr, text);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
}

for (const kubectl of [OLD_KUBECTL, NEW_KUBECTL]) {
  if (kubectl === undefined) continue;
  test(`install.sh as its README says, with kubectl ${kubectl.version}`, async (context) => {
    const at = await prepare(context, { kubectl: kubectl.path });
    at.operator.copySample();
    expectDone(await at.operator.install());
    // Services first: their addresses are in the environment of pods that start after them.
    const kinds = at.cluster.server.writes.map((line) => line.replace(/^POST (\w+)\/.*/, "$1"));
    const services = Array.from({ length: 3 }, () => "services");
    assert.deepEqual(kinds, [...services, "serviceaccounts", "configmaps", "daemonsets"]);
    assert.equal(flagOf(at.args(), "-localip"), "169.254.20.10,10.96.0.10");
    assert.match(at.corefile(), /filter_aaaa/);

    const writesBefore = JSON.stringify(at.store.list("DaemonSet"));
    const again = await at.operator.install();
    expectDone(again);
    assert.match(again.stdout, /== Done: nothing was to be changed\n/);
    assert.equal(JSON.stringify(at.store.list("DaemonSet")), writesBefore);
    assert.equal(at.runner.events.filter((event) => event.startsWith("start")).length, 2);
  });
}

test("install.sh --dry-run shows everything and changes nothing", async (context) => {
  const at = await prepare(context);
  const { code, stdout } = await at.operator.install({ args: ["--dry-run"] });
  assert.equal(code, 0);
  assert.match(stdout, /^ {2}DNS: Service kube-dns, 10\.96\.0\.10, domain cluster\.local$/m);
  assert.match(stdout, /^kind: DaemonSet$/m);
  assert.match(stdout, /^ {2}Corefile: \|$/m);
  assert.match(stdout, /== Nothing has been changed/);
  assert.deepEqual(at.cluster.server.writes, []);
});

const SHAPES: readonly {
  readonly what: string;
  readonly shape: ClusterShape;
  readonly version?: string;
  readonly localIps: string;
  readonly hasFilter: boolean;
  readonly check?: (set: KubeObject, args: readonly string[]) => void;
}[] = [
  {
    what: "with two families",
    shape: { dnsIps: ["10.96.0.10", "fd96::a"] },
    localIps: "169.254.20.10,fd00:169:254:20::10,10.96.0.10,fd96::a",
    hasFilter: false,
  },
  {
    what: "with IPVS",
    shape: { proxyMode: "ipvs" },
    localIps: "169.254.20.10",
    hasFilter: true,
    check: (_, args) => assert.ok(args.includes("-keepfallback")),
  },
  {
    what: "whose DNS is called coredns, with a selector and a domain of its own",
    shape: { dnsName: "coredns", selector: { app: "coredns" }, domain: "play.example.org" },
    localIps: "169.254.20.10,10.96.0.10",
    hasFilter: true,
    check: (_, args) =>
      assert.equal(
        flagOf(args, "-fallbacksvc"),
        "nodens-fallback.kube-system.svc.play.example.org.",
      ),
  },
  {
    what: "of before maxSurge",
    shape: {},
    version: "v1.19.16",
    localIps: "169.254.20.10,10.96.0.10",
    hasFilter: true,
    check: ({ spec }, args) => {
      const strategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } };
      assert.deepEqual(spec?.["updateStrategy"], strategy);
      assert.ok(args.includes("-keepfallback"));
    },
  },
];

for (const { what, shape, version, localIps, hasFilter, check } of SHAPES) {
  test(`install.sh in a cluster ${what}`, async (context) => {
    const at = await prepare(context, { shape, ...(version === undefined ? {} : { version }) });
    expectDone(await at.operator.install());
    assert.equal(flagOf(at.args(), "-localip"), localIps);
    assert.equal(/^ *filter_aaaa/m.test(at.corefile()), hasFilter);
    const upstream = at.store.get("Service", "nodens-upstream");
    assert.deepEqual(upstream?.spec?.["selector"], shape.selector ?? { "k8s-app": "kube-dns" });
    check?.(at.store.get("DaemonSet", "nodens") as KubeObject, at.args());
  });
}

test("install.sh finds out what EKS and RKE2 keep under other names", async (context) => {
  const dnsName = "rke2-coredns-rke2-coredns";
  const others = [
    configMap("kube-proxy-config", { config: 'kind: X\nmode: "ipvs"\n' }),
    configMap(dnsName, {
      Corefile: ".:53 {\n    kubernetes rke.example.org in-addr.arpa {\n    }\n}\n",
    }),
  ];
  const at = await prepare(context, { shape: { dnsName, proxyMode: null, domain: null }, others });
  const { code, stdout } = await at.operator.install({ args: ["--dry-run"] });
  assert.equal(code, 0, stdout);
  assert.match(stdout, /kube-proxy: ipvs/);
  assert.match(
    stdout,
    /Service rke2-coredns-rke2-coredns, 10\.96\.0\.10, domain rke\.example\.org$/m,
  );
});

test("install.sh upgrades one node after the other, and leaves the ConfigMap alone", async (context) => {
  const at = await prepare(context);
  expectDone(await at.operator.install());
  const edited = configMap("nodens", { Corefile: "# by hand\n" });
  at.store.replace({
    ...(at.store.get("ConfigMap", "nodens") as KubeObject),
    data: edited.data ?? {},
  });
  const done = await at.operator.install({
    env: { NODENS_IMAGE: "registry.example.org/nodens:2" },
  });
  expectDone(done);
  assert.match(done.stdout, /configuration: the ConfigMap nodens, as it is/);
  assert.equal(at.corefile(), "# by hand\n");
  const { events } = at.runner;
  // A new one beside the old one, which then goes: twice.
  const kinds = events.slice(2).map((event) => event.split(" ")[0]);
  assert.deepEqual(kinds, ["start", "end", "start", "end"]);
});

test("install.sh puts the old version back when a node fails with the new one", async (context) => {
  const at = await prepare(context, {
    behaviour: ({ node, image }) =>
      node === "node-b" && image.endsWith(":bad")
        ? { exec: () => ({ code: 1, stdout: "no answer\n", stderr: "" }) }
        : {},
  });
  expectDone(await at.operator.install({ args: ["--image", "nodens:good"] }));
  const failed = await at.operator.install({ args: ["--image=nodens:bad"] });
  assert.equal(failed.code, 1, failed.stdout);
  assert.match(failed.stdout, /node node-b: 169\.254\.20\.10 does not answer: no answer/);
  assert.match(failed.stderr, /everything is as before/);
  assert.equal(containerOf(at.store.get("DaemonSet", "nodens"))?.image, "nodens:good");
});

test("install.sh says when not everything can be put back", async (context) => {
  const at = await prepare(context, { behaviour: () => ({ isReady: false }) });
  const kubectl = at.operator.kubectlThat("delete configmap", "no leader");
  const { code, stdout, stderr } = await at.operator.install({
    args: ["--timeout", "1"],
    env: { KUBECTL: kubectl },
  });
  assert.equal(code, 1);
  assert.match(stdout, /^ {2}no leader$/m);
  assert.match(stderr, /not everything could be put back: see above; run \.\/uninstall\.sh/);
  // What comes behind it is put back all the same.
  assert.equal(at.store.get("Service", "nodens-upstream"), null);
  assert.equal(at.store.get("ServiceAccount", "nodens"), null);
});

test("install.sh removes everything again when a pod crashes on a node", async (context) => {
  const problem = { reason: "CrashLoopBackOff", message: "back-off", restarts: 4 };
  const at = await prepare(context, {
    behaviour: ({ node }) =>
      node === "node-a" ? { isReady: false, problem, log: "Cannot do it: tun is missing\n" } : {},
  });
  const failed = await at.operator.install();
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /node node-a: pod nodens-\w+ is not ready: CrashLoopBackOff/);
  assert.match(failed.stdout, /log: Cannot do it: tun is missing/);
  for (const kind of ["DaemonSet", "Pod", "ServiceAccount"])
    assert.deepEqual(at.store.list(kind), []);
  const names = (kind: string) => at.store.list(kind).map(({ metadata }) => metadata.name);
  assert.deepEqual(names("Service"), ["kube-dns"]);
  assert.deepEqual(names("ConfigMap"), ["coredns", "kube-proxy"]);
});

test("install.sh does not wait for a node that is not ready", async (context) => {
  const at = await prepare(context, { others: [nodeNamed("node-c", false)] });
  const done = await at.operator.install();
  expectDone(done);
  assert.match(done.stdout, /left out, because the node is not ready: node-c/);
});

for (const [name, ips] of [
  ["node-local-dns", NODE_CACHE_IPS],
  ["local-dns", "10.96.0.10"],
] as const) {
  test(`install.sh takes the place of ${name}, and uninstall.sh --restore brings it back`, async (context) => {
    const others = olderAgent(name, ips, NODE_CACHE_COREFILE);
    const at = await prepare(context, { others });
    const done = await at.operator.install();
    expectDone(done);
    assert.equal(flagOf(at.args(), "-localip"), ips.split(",").sort().join());
    assert.equal(at.corefile(), NODE_CACHE_COREFILE);
    assert.equal(at.store.get("DaemonSet", name), null);
    const { events } = at.runner;
    const asked = events.findLastIndex((event) => event.startsWith("start nodens"));
    assert.ok(events.indexOf(`end ${name} on node-a`) > asked, events.join("\n"));

    const restored = await at.operator.uninstall({ args: ["--restore"] });
    expectDone(restored);
    const back = at.store.get("DaemonSet", name) as KubeObject;
    assert.equal(flagOf(containerOf(back)?.args ?? [], "-localip"), ips);
    assert.equal(at.store.get("ConfigMap", name)?.data?.["Corefile"], NODE_CACHE_COREFILE);
    const started = events.lastIndexOf(`start ${name} on node-b`);
    assert.ok(events.indexOf("end nodens on node-a") > started, events.join("\n"));
    assert.equal(at.store.get("ConfigMap", "nodens-before"), null);
  });
}

test("install.sh leaves node-cache alone when nodens fails beside it", async (context) => {
  const at = await prepare(context, {
    others: olderAgent("node-local-dns", NODE_CACHE_IPS, NODE_CACHE_COREFILE),
    behaviour: ({ name }) => (name === "nodens" ? { isReady: false } : {}),
  });
  const failed = await at.operator.install({ args: ["--timeout", "1"] });
  assert.equal(failed.code, 1);
  assert.ok(!at.runner.events.some((event) => event.startsWith("end node-local-dns")));
  assert.equal(at.store.get("DaemonSet", "nodens"), null);
});

const MANAGED = olderAgent("node-local-dns", NODE_CACHE_IPS, NODE_CACHE_COREFILE).map((object) => ({
  ...object,
  metadata: { ...object.metadata, labels: { "addonmanager.kubernetes.io/mode": "Reconcile" } },
}));

const REFUSALS: readonly {
  readonly what: string;
  readonly setting?: Setting;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly code?: number;
  readonly text: RegExp;
}[] = [
  { what: "an unknown word", args: ["--frob"], code: 2, text: /"--frob" is not known/ },
  { what: "a mode that is none", args: ["--mode", "x"], code: 2, text: /--mode is "x": expected/ },
  { what: "a time that is none", args: ["--timeout=5m"], code: 2, text: /"5m": expected seconds/ },
  { what: "no kubectl", env: { KUBECTL: "kubektl" }, text: /Cannot find kubektl: install kubectl/ },
  {
    what: "another context",
    args: ["--context", "prod"],
    text: /Cannot reach the cluster: .*prod/,
  },
  {
    what: "rights that are missing",
    setting: { forbidden: ["create daemonsets"] },
    text: /you may not create daemonsets in kube-system/,
  },
  {
    what: "a Kubernetes of before apps/v1 and kustomize",
    setting: { version: "v1.9.11" },
    text: /Cannot go on with Kubernetes "1\.9": expected 1\.14 or later/,
  },
  {
    what: "Cilium in place of kube-proxy",
    setting: {
      shape: { proxyMode: null },
      others: [configMap("cilium-config", { "kube-proxy-replacement": "true" })],
    },
    text: /Cilium stands in for kube-proxy .*--mode link-local/,
  },
  {
    what: "a ClusterIP with IPVS",
    setting: { shape: { proxyMode: "ipvs" } },
    args: ["--local-ip", "10.96.0.10"],
    text: /kube-proxy holds it in IPVS mode/,
  },
  {
    what: "a node-cache that somebody would bring back",
    setting: { others: MANAGED },
    text: /add-on manager would bring it back/,
  },
];

for (const { what, setting, args = [], env = {}, code = 1, text } of REFUSALS) {
  test(`install.sh refuses ${what}, and changes nothing`, async (context) => {
    const at = await prepare(context, setting);
    expectRefused(await at.operator.install({ args, env }), code, text);
    assert.deepEqual(at.cluster.server.writes, []);
  });
}

test("install.sh does not take an error of the API server for an object that is not there", async (context) => {
  const at = await prepare(context);
  const env = { KUBECTL: at.operator.kubectlThat("get daemonset nodens", "no leader") };
  const words = /Cannot read the daemonset nodens: no leader: nothing more is done/;
  expectRefused(await at.operator.install({ env }), 1, words);
  assert.deepEqual(at.cluster.server.writes, []);
});

test("install.sh refuses a configmap.yaml that is for somebody else, or filters what is there", async (context) => {
  const at = await prepare(context, { shape: { dnsIps: ["10.96.0.10", "fd96::a"] } });
  const file = join(at.operator.hack, "configmap.yaml");
  const sample = readFileSync(join(at.operator.hack, "configmap.yaml.sample"), "utf8");
  writeFileSync(file, sample.replace("name: nodens", "name: node-local-dns"));
  const text = /is ConfigMap\/kube-system\/node-local-dns, expected ConfigMap\/kube-system\/nodens/;
  expectRefused(await at.operator.install(), 1, text);
  writeFileSync(file, sample);
  const { code, stderr } = await at.operator.install({ args: ["--dry-run"] });
  assert.equal(code, 0);
  assert.match(stderr, /^WARNING: configmap\.yaml has filter_aaaa, and this cluster has IPv6/);
});

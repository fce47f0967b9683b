/** hack/uninstall.sh, with the real kubectl, on clusters of paper. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type ClusterOptions, FakeCluster } from "./support/fake_cluster.ts";
import { clusterObjects, olderAgent } from "./support/objects.ts";
import { type Behaviour, PaperRunner, type PodFacts } from "./support/paper_runner.ts";
import type { KubeObject } from "./support/resources.ts";
import { Operator } from "./support/run_script.ts";

type Setting = Partial<ClusterOptions> & {
  readonly behaviour?: (facts: PodFacts) => Behaviour;
  readonly args?: readonly string[];
  readonly others?: readonly KubeObject[];
};

/** A cluster on which nodens has been installed. */
async function installed(context: TestContext, setting: Setting = {}) {
  const { behaviour, args = [], others = [], ...options } = setting;
  const runner = new PaperRunner(behaviour);
  const objects = [...clusterObjects(), ...others];
  const cluster = await FakeCluster.start(context, { objects, runner, ...options });
  const operator = new Operator(context, cluster);
  const done = await operator.install({ args });
  assert.equal(done.code, 0, done.stdout + done.stderr);
  const names = () =>
    ["DaemonSet", "Pod", "ServiceAccount", "ConfigMap", "Service"].flatMap((kind) =>
      cluster.store.list(kind).map(({ metadata }) => `${kind} ${metadata.name}`),
    );
  cluster.server.writes.length = 0;
  return { cluster, runner, operator, names };
}

const UNTOUCHED = ["ConfigMap coredns", "ConfigMap kube-proxy", "Service kube-dns"];

test("uninstall.sh removes in the right order, looks at every node, and leaves nothing", async (context) => {
  const at = await installed(context);
  const done = await at.operator.uninstall();
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.deepEqual(at.cluster.server.writes, [
    "DELETE daemonsets/nodens",
    "POST daemonsets/nodens-cleanup",
    "DELETE daemonsets/nodens-cleanup",
    ...["DELETE configmaps/nodens", "DELETE serviceaccounts/nodens"],
    ...["DELETE services/nodens-upstream", "DELETE services/nodens-fallback"],
    "DELETE services/nodens",
  ]);
  assert.deepEqual(at.names(), UNTOUCHED);
  const { events } = at.runner;
  const cleaned = events.indexOf("start nodens-cleanup on node-a");
  assert.ok(events.indexOf("end nodens on node-b") < cleaned, events.join("\n"));

  const again = await at.operator.uninstall();
  assert.equal(again.code, 0);
  assert.match(again.stdout, /^nodens is not installed/);
});

test("uninstall.sh --dry-run changes nothing, --keep-config leaves the ConfigMap", async (context) => {
  const at = await installed(context);
  const shown = await at.operator.uninstall({ args: ["--dry-run"] });
  assert.match(shown.stdout, /delete the DaemonSet nodens \(169\.254\.20\.10,10\.96\.0\.10\)/);
  assert.deepEqual(at.cluster.server.writes, []);
  assert.equal((await at.operator.uninstall({ args: ["--keep-config"] })).code, 0);
  assert.deepEqual(at.names(), [
    ...["ConfigMap coredns", "ConfigMap kube-proxy", "ConfigMap nodens", "Service kube-dns"],
  ]);
});

test("uninstall.sh keeps the Services while a pod does not end, --force-cleanup goes on", async (context) => {
  const hangs = ({ node, name }: PodFacts) => node === "node-b" && name === "nodens";
  const at = await installed(context, {
    behaviour: (facts) => (hangs(facts) ? { ends: false } : {}),
  });
  const failed = await at.operator.uninstall({ args: ["--timeout", "1"] });
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /node node-b: pod nodens-\w+ does not end/);
  assert.match(failed.stderr, /run this again with --force-cleanup/);
  assert.ok(at.names().includes("Service nodens-upstream"));
  const options = {
    args: ["--force-cleanup", "--timeout", "1"],
    env: { NODENS_IMAGE: "nodens:0.1.0" },
  };
  const done = await at.operator.uninstall(options);
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.deepEqual(at.names(), UNTOUCHED);
});

test("uninstall.sh says which node is not clean, and ends with 1", async (context) => {
  const problem = { reason: "CrashLoopBackOff", message: "", restarts: 3 };
  const log = "left: a process listens on port 53 of 10.96.0.10\n";
  const at = await installed(context, {
    behaviour: ({ node, name }) =>
      node === "node-a" && name === "nodens-cleanup" ? { isReady: false, problem, log } : {},
  });
  const failed = await at.operator.uninstall({ args: ["--timeout", "1"] });
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /node node-a: left: a process listens/);
  assert.match(failed.stdout, /node node-a: not clean: CrashLoopBackOff/);
  assert.match(failed.stderr, /--force-cleanup and NODENS_IMAGE=nodens:0\.1\.0/);
});

test("uninstall.sh refuses while kubelets hand out the link-local address", async (context) => {
  const at = await installed(context, { kubeletDns: ["169.254.20.10"] });
  const refused = await at.operator.uninstall();
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /the kubelet of node-a tells pods to ask 169\.254\.20\.10/);
  assert.deepEqual(at.cluster.server.writes, []);
  assert.equal((await at.operator.uninstall({ args: ["--force"] })).code, 0);
});

test("uninstall.sh --restore works when nodens is gone already", async (context) => {
  const others = olderAgent("node-local-dns", "10.96.0.10", ".:53 {\n    cache\n}\n");
  const at = await installed(context, { others });
  assert.equal((await at.operator.uninstall()).code, 0);
  assert.ok(!at.names().includes("DaemonSet node-local-dns"));
  const done = await at.operator.uninstall({ args: ["--restore"] });
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.ok(at.names().includes("DaemonSet node-local-dns"));
  assert.ok(!at.names().includes("ConfigMap nodens-before"));
});

test("uninstall.sh --restore has nothing to bring back where nobody was before", async (context) => {
  const at = await installed(context);
  const refused = await at.operator.uninstall({ args: ["--restore"] });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /there is no ConfigMap nodens-before/);
  assert.ok(at.names().includes("DaemonSet nodens"));
});

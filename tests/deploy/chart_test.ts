/** The Helm chart makes the same objects as kustomize, and refuses values that make no sense. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { VERSION } from "../../src/version.ts";
import { CHART, readChart, renderChart, valueProblems } from "./support/chart.ts";
import { helmVersion, templateByHelm } from "./support/helm.ts";
import { typeProblems } from "./support/kubernetes_types.ts";
import { findKubectls, renderKustomization } from "./support/kustomize.ts";
import {
  containerOf,
  daemonSetOf,
  KUBERNETES,
  type Manifest,
  type Manifests,
  podOf,
  ROOT,
  readManifests,
} from "./support/manifests.ts";
import { checkInPod, podOptions } from "./support/pod_view.ts";

const [KUBECTL] = findKubectls();
assert.ok(KUBECTL !== undefined);

const CLUSTER_IP_ONLY = { localIPs: [] };
const LOCAL_ONLY = { clusterIPs: [], keepFallback: true };

const HELM = helmVersion();

/** What Helm makes of the values, where there is one, is the same. */
function compareWithHelm(values: object, namespace?: string): void {
  if (HELM === null) return;
  const { manifests } = renderChart(values as Record<string, unknown>, namespace);
  assert.deepEqual(templateByHelm(values, namespace), manifests);
}

/** Values that stand for each overlay. */
const OVERLAYS: Readonly<Record<string, Record<string, unknown>>> = {
  base: {},
  "overlays/clusterip-intercept": CLUSTER_IP_ONLY,
  "overlays/link-local": LOCAL_ONLY,
  "overlays/ipvs": LOCAL_ONLY,
  "overlays/dual-stack": {
    localIPs: ["169.254.20.10", "fd00:169:254:20::10"],
    upstream: { ipFamilyPolicy: "PreferDualStack" },
  },
  "overlays/gke": {
    ...CLUSTER_IP_ONLY,
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: "addon.gke.io/node-local-dns-ds-ready", operator: "DoesNotExist" },
              ],
            },
          ],
        },
      },
    },
  },
  "overlays/old-kubernetes": { oldKubernetes: true, keepFallback: true },
  "overlays/net-admin": { privileged: false },
};

for (const [folder, values] of Object.entries(OVERLAYS)) {
  test(`the chart with the values of ${folder} is ${folder}`, () => {
    assert.deepEqual(renderChart(values).manifests, renderKustomization(folder, KUBECTL));
    compareWithHelm(values);
  });
}

test("the chart is of this version, and asks for no newer Kubernetes than its oldest overlay", () => {
  const chart = readChart("Chart.yaml");
  assert.equal(chart["version"], VERSION);
  assert.equal(chart["appVersion"], VERSION);
  assert.equal(chart["kubeVersion"], ">=1.14.0-0");
});

test("every value of the chart is in its schema, and is used by a template", () => {
  const schema = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8"));
  const { global: _, ...known } = schema.properties;
  assert.deepEqual(Object.keys(known), Object.keys(readChart("values.yaml")));
  const texts = readdirSync(join(CHART, "templates")).map((file) =>
    readFileSync(join(CHART, "templates", file), "utf8"),
  );
  for (const name of Object.keys(known)) {
    assert.ok(
      texts.some((text) => text.includes(`.Values.${name}`)),
      name,
    );
  }
});

const BAD_VALUES: readonly (readonly [values: Record<string, unknown>, wanted: RegExp])[] = [
  [{ localIP: ["169.254.20.10"] }, /\$\.localIP: unexpected/],
  [{ localIPs: "169.254.20.10" }, /\$\.localIPs: not array/],
  [{ localIPs: ["169.254.20.10/32"] }, /\$\.localIPs\[0\]: pattern/],
  [{ localIPs: [], clusterIPs: [] }, /\$: anyOf/],
  [{ clusterIPs: ["kube-dns"] }, /\$\.clusterIPs\[0\]: pattern/],
  [{ memory: 67108864 }, /\$\.memory: not string/],
  [{ memory: "a lot" }, /\$\.memory: pattern/],
  [{ image: { digest: "sha256:12" } }, /\$\.image\.digest: pattern/],
  [{ image: { pullPolicy: "Sometimes" } }, /\$\.image\.pullPolicy: enum/],
  [{ image: { repository: "nodens:0.1.0@x" } }, /\$\.image\.repository: pattern/],
  [{ filterAAAA: "false" }, /\$\.filterAAAA: not boolean/],
  [{ stubDomains: { "example.org": "192.0.2.53" } }, /stubDomains\.example\.org: not array/],
  [{ stubDomains: { "exam ple": ["192.0.2.53"] } }, /stubDomains\.exam ple: pattern/],
  [{ upstream: { port: "53" } }, /upstream\.port: not integer/],
  [{ updateStrategy: { type: "Recreate" } }, /updateStrategy\.type: enum/],
  [{ updateStrategy: { rollingUpdate: { maxSurge: "much" } } }, /maxSurge: anyOf/],
  [{ tolerations: { operator: "Exists" } }, /\$\.tolerations: not array/],
  [{ networkPolicy: { enabled: true, nodeCIDRs: ["10.0.0.0"] } }, /nodeCIDRs\[0\]: pattern/],
  [{ terminationGracePeriodSeconds: 0 }, /terminationGracePeriodSeconds: minimum/],
  [{ extraArgs: [8] }, /extraArgs\[0\]: not string/],
  [{ extraArgs: ["-p 5353\n"] }, /extraArgs\[0\]: pattern/],
  [{ resources: null }, /\$\.resources: missing/],
];

test("the schema refuses values that make no sense, and says where", () => {
  for (const [values, wanted] of BAD_VALUES) {
    assert.match(valueProblems(values).join("\n"), wanted, JSON.stringify(values));
    assert.throws(() => renderChart(values), /Cannot render/);
    if (HELM !== null) assert.throws(() => templateByHelm(values), JSON.stringify(values));
  }
});

/** Everything that is off or empty by default. */
const ALL_VALUES = {
  global: { registry: "registry.example.org" },
  image: {
    ...{ repository: "registry.example.org:5000/dns/nodens", tag: "ignored" },
    ...{ digest: `sha256:${"0".repeat(64)}`, pullPolicy: "Always" },
    pullSecrets: [{ name: "registry" }],
  },
  clusterIPs: ["10.96.0.10", "2001:db8::a"],
  memory: "128MiB",
  filterAAAA: true,
  stubDomains: { "example.org": ["192.0.2.53", "[2001:db8::53]:5353"], "b.example": ["192.0.2.1"] },
  nodeSelector: { "example.org/pool": "web" },
  affinity: { podAffinity: {} },
  podAnnotations: { "example.org/team": "network" },
  podLabels: { team: "network" },
  updateStrategy: { type: "OnDelete" },
  podMonitor: { enabled: true, interval: "30s", labels: { release: "prometheus" } },
  serviceMonitor: { enabled: true, interval: "1m", labels: { release: "prometheus" } },
  networkPolicy: { enabled: true, nodeCIDRs: ["10.0.0.0/16", "2001:db8::/64"] },
  serviceAccount: { annotations: { "example.org/owner": "network" } },
  extraArgs: ["-workers", "auto"],
  extraEnv: [{ name: "TZ", value: "UTC" }],
  extraVolumes: [{ name: "zones", configMap: { name: "zones" } }],
  extraVolumeMounts: [{ name: "zones", mountPath: "/etc/zones" }],
};

test("with everything set the chart makes what Kubernetes takes and nodens reads", async (context) => {
  context.diagnostic(HELM === null ? "compared without Helm, which is not here" : `helm ${HELM}`);
  compareWithHelm(ALL_VALUES, "dns");
  const { manifests } = renderChart(ALL_VALUES);
  const questions = Object.entries(manifests).map(([name, manifest]) => ({
    ...{ name, manifest },
    version: /Monitor$/.test(manifest["kind"]) ? ("operator" as const) : ("1.36" as const),
  }));
  assert.equal(questions.length, 9);
  assert.deepEqual(typeProblems(questions), []);
  assert.deepEqual(await checkInPod(manifests), {
    code: 0,
    text:
      "/etc/coredns/Corefile.base: good: 6 server blocks on 169.254.20.10:53, 10.96.0.10:53, " +
      "[2001:db8::a]:53",
  });
  const { workers, memoryBytes } = podOptions(manifests);
  assert.deepEqual([workers, memoryBytes], ["auto", 128 * 1024 * 1024]);
  const container = containerOf(manifests);
  assert.equal(container["image"], `${ALL_VALUES.image.repository}@${ALL_VALUES.image.digest}`);
  assert.deepEqual(container["env"], ALL_VALUES.extraEnv);
  assert.deepEqual(container["volumeMounts"].at(-1), ALL_VALUES.extraVolumeMounts[0]);
  const { spec } = daemonSetOf(manifests);
  assert.deepEqual(spec.updateStrategy, { type: "OnDelete" });
  assert.deepEqual(spec.selector.matchLabels, { "k8s-app": "nodens" });
  const { labels, annotations } = spec.template.metadata;
  assert.equal(labels.team, "network");
  assert.equal(annotations["example.org/team"], "network");
  assert.deepEqual(podOf(manifests)["nodeSelector"], {
    "kubernetes.io/os": "linux",
    "example.org/pool": "web",
  });
});

test("with filterAAAA the chart has the Corefile of the sample", () => {
  const sample = readManifests(join(ROOT, "hack", "configmap.yaml.sample"));
  const { manifests } = renderChart({ filterAAAA: true });
  assert.equal(corefileOf(manifests), corefileOf(sample));
});

test("a Corefile of one's own is taken as it is", () => {
  const corefile = ". {\n    forward . 192.0.2.53\n}\n";
  const { manifests } = renderChart({ corefile, filterAAAA: true });
  assert.equal(corefileOf(manifests).trimEnd(), corefile.trimEnd());
  compareWithHelm({ corefile, filterAAAA: true });
});

test("the monitors and the policy are those of the examples", () => {
  const values = {
    podMonitor: { enabled: true },
    serviceMonitor: { enabled: true },
    networkPolicy: { enabled: true, nodeCIDRs: ["10.0.0.0/16"] },
  };
  compareWithHelm(values);
  const { manifests } = renderChart(values);
  const extras = join(KUBERNETES, "extras");
  const monitors = readManifests(join(extras, "podmonitor.yaml"));
  assert.deepEqual(manifests["PodMonitor/nodens"], monitors["PodMonitor/nodens"]);
  const key = "NetworkPolicy/kube-dns-from-pods-and-nodes";
  const policies = readManifests(join(extras, "networkpolicies.yaml"));
  assert.deepEqual(manifests[key]?.["spec"], policies[key]?.["spec"]);
  const ports = manifests["Service/nodens"]?.["spec"].ports.map(({ name }: Manifest) => name);
  const endpoints = manifests["ServiceMonitor/nodens"]?.["spec"].endpoints;
  assert.deepEqual(
    endpoints.map(({ port }: Manifest) => port),
    ports,
  );
});

test("a policy without the networks of nodes is refused: it would lock nodens out", () => {
  assert.throws(() => renderChart({ networkPolicy: { enabled: true } }), /nodeCIDRs is empty/);
});

test("the address of a pod is put together for both families", () => {
  const { spec } =
    renderChart({ podMonitor: { enabled: true } }).manifests["PodMonitor/nodens"] ?? {};
  for (const [index, port] of [9253, 9353].entries()) {
    const rules = spec.podMetricsEndpoints[index].relabelings as Manifest[];
    for (const [address, wanted] of [
      ["192.0.2.7", `192.0.2.7:${port}`],
      ["2001:db8::7", `[2001:db8::7]:${port}`],
    ] as const) {
      const found = rules
        .filter(({ targetLabel }) => targetLabel === "__address__")
        .map(({ regex, replacement }) => [new RegExp(`^(?:${regex})$`), replacement] as const)
        .filter(([regex]) => regex.test(address))
        .map(([regex, replacement]) => address.replace(regex, replacement));
      assert.deepEqual(found, [wanted]);
    }
  }
});

test("without Pods' own account, and in another namespace, the chart says what is to be done", () => {
  const { manifests } = renderChart({ serviceAccount: { create: false, name: "dns" } });
  assert.equal(manifests["ServiceAccount/nodens"], undefined);
  assert.equal(podOf(manifests)["serviceAccountName"], "dns");
  assert.doesNotMatch(renderChart().notes, /not in kube-system|clusterDNS/);
  assert.match(renderChart({}, "dns").notes, /not in kube-system/);
  assert.match(renderChart({ clusterIPs: [] }).notes, /Pods ask 169\.254\.20\.10 once/);
  const elsewhere = renderChart({}, "dns").manifests;
  for (const { metadata } of Object.values(elsewhere)) assert.equal(metadata.namespace, "dns");
  assert.equal(
    podOptions(elsewhere).takeOver.fallbackService,
    "nodens-fallback.dns.svc.cluster.local.",
  );
});

function corefileOf(manifests: Manifests): string {
  return manifests["ConfigMap/nodens"]?.["data"].Corefile;
}

/** What the manifests say fits together, and fits nodens. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { VERSION } from "../../src/version.ts";
import { findKubectls, kustomizations, renderKustomization } from "./support/kustomize.ts";
import {
  containerOf,
  daemonSetOf,
  KUBERNETES,
  type Manifest,
  podOf,
  ROOT,
} from "./support/manifests.ts";
import { checkInPod, podFiles, podOptions } from "./support/pod_view.ts";

const KUBECTLS = findKubectls();
const [OLD] = KUBECTLS;
assert.ok(OLD !== undefined);
const RENDERED = kustomizations().map((folder) => {
  const manifests = renderKustomization(folder, OLD);
  return { folder, manifests, pod: podOf(manifests), container: containerOf(manifests) };
});
const READY_FILE = "/run/nodens/ready";

for (const kubectl of KUBECTLS) {
  test(`kubectl ${kubectl.version} renders every folder, and as the others do`, (context) => {
    context.diagnostic(`kubectl ${kubectl.version}: ${kubectl.path}`);
    for (const { folder, manifests } of RENDERED) {
      assert.deepEqual(renderKustomization(folder, kubectl), manifests, folder);
    }
  });
}

/** Where the overlay listens. */
const LISTENERS: Readonly<Record<string, string>> = {
  base: "169.254.20.10:53, 10.96.0.10:53",
  "overlays/clusterip-intercept": "10.96.0.10:53",
  "overlays/dual-stack": "169.254.20.10:53, [fd00:169:254:20::10]:53, 10.96.0.10:53",
  "overlays/gke": "10.96.0.10:53",
  "overlays/ipvs": "169.254.20.10:53",
  "overlays/link-local": "169.254.20.10:53",
  "overlays/net-admin": "169.254.20.10:53, 10.96.0.10:53",
  "overlays/old-kubernetes": "169.254.20.10:53, 10.96.0.10:53",
};

for (const { folder, manifests } of RENDERED) {
  test(`nodens check finds nothing wrong in a pod of ${folder}`, async () => {
    assert.deepEqual(await checkInPod(manifests), {
      code: 0,
      text: `/etc/coredns/Corefile.base: good: 4 server blocks on ${LISTENERS[folder]}`,
    });
  });
}

test("no file has a key twice: an old kustomize takes the second and says nothing", () => {
  const files = readdirSync(KUBERNETES, { recursive: true, encoding: "utf8" });
  const manifests = files.filter((path) => path.endsWith(".yaml"));
  assert.ok(manifests.length > 15);
  for (const path of manifests) {
    for (const { errors } of parseAllDocuments(readFileSync(join(KUBERNETES, path), "utf8"))) {
      assert.deepEqual(errors, [], path);
    }
  }
});

test("probes look for the file that nodens keeps, on a path that can be written", () => {
  for (const { folder, manifests, container } of RENDERED) {
    assert.equal(podOptions(manifests).readyFile, READY_FILE, folder);
    const look = { command: ["/sbin/ip", "-batch", READY_FILE] };
    assert.deepEqual(container["readinessProbe"].exec, look, folder);
    const { startupProbe } = container;
    assert.deepEqual(startupProbe?.exec, folder.endsWith("old-kubernetes") ? undefined : look);
    assert.equal(container["securityContext"].readOnlyRootFilesystem, true);
    for (const path of [READY_FILE, podOptions(manifests).confFile ?? ""]) {
      assert.equal(
        typeof volumeAt(path, { manifests })?.["emptyDir"],
        "object",
        `${folder} ${path}`,
      );
    }
  }
});

/** The volume in which a file of the container lies. */
function volumeAt(path: string, { manifests }: Pick<(typeof RENDERED)[0], "manifests">): Manifest {
  const mounts = containerOf(manifests)["volumeMounts"] as Manifest[];
  const mount = mounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
  const volumes = podOf(manifests)["volumes"] as Manifest[];
  return volumes.find(({ name }) => name === mount?.["name"]) ?? {};
}

test("liveness is asked where nodens serves it by flag, whatever the Corefile says", () => {
  for (const { manifests, container } of RENDERED) {
    const { httpGet } = container["livenessProbe"];
    const [host, port] = podOptions(manifests).nodeCache.metricsListenAddress.split(":");
    assert.equal(host, "0.0.0.0");
    assert.deepEqual(httpGet, {
      ...{ host: "127.0.0.1", port: Number(port), path: "/metrics", scheme: "HTTP" },
    });
  }
});

test("ports of the Service and annotations are those that nodens serves metrics on", () => {
  for (const { manifests } of RENDERED) {
    const { nodeCache } = podOptions(manifests);
    const ports = manifests["Service/nodens"]?.["spec"].ports as Manifest[];
    assert.deepEqual(
      ports.map(({ name, port, targetPort }) => [name, port, targetPort]),
      [
        ["metrics", 9253, 9253],
        ["interception", 9353, 9353],
      ],
    );
    assert.equal(nodeCache.prometheusListenAddress, ":9253");
    const { annotations } = daemonSetOf(manifests)["spec"].template.metadata;
    assert.equal(annotations["prometheus.io/port"], "9253");
  }
});

test("no port is declared: it would be a hostPort, and two pods could not share a node", () => {
  for (const { pod, container } of RENDERED) {
    assert.equal(pod["hostNetwork"], true);
    assert.equal(container["ports"], undefined);
    assert.equal(pod["containers"].length, 1);
    assert.equal(pod["initContainers"], undefined);
  }
});

test("an update overlaps, but on Kubernetes that cannot", () => {
  for (const { folder, manifests } of RENDERED) {
    const { updateStrategy } = daemonSetOf(manifests)["spec"];
    const rollingUpdate = folder.endsWith("old-kubernetes")
      ? { maxUnavailable: 1 }
      : { maxSurge: 1, maxUnavailable: 0 };
    assert.deepEqual(updateStrategy, { type: "RollingUpdate", rollingUpdate }, folder);
  }
});

test("where pods can only have the link-local address, its fallback stays", () => {
  for (const { folder, manifests } of RENDERED) {
    const { takeOver, nodeCache } = podOptions(manifests);
    const stays = /(link-local|ipvs|old-kubernetes)$/.test(folder);
    assert.equal(takeOver.keepFallback, stays, folder);
    const hasLocal = nodeCache.localIps.includes("169.254.20.10");
    const service = "nodens-fallback.kube-system.svc.cluster.local.";
    assert.equal(takeOver.fallbackService, hasLocal ? service : null, folder);
    assert.equal(nodeCache.upstreamService, "nodens-upstream");
    assert.equal(nodeCache.interfaceName, "nodelocaldns0");
  }
});

test("names do not meet those of node-cache and k8s-local-dns", () => {
  for (const { manifests } of RENDERED) {
    assert.deepEqual(Object.keys(manifests).sort(), [
      ...["ConfigMap/nodens", "DaemonSet/nodens", "Service/nodens", "Service/nodens-fallback"],
      ...["Service/nodens-upstream", "ServiceAccount/nodens"],
    ]);
    for (const { metadata } of Object.values(manifests)) {
      assert.equal(metadata.namespace, "kube-system");
      assert.deepEqual(metadata.labels, {
        "k8s-app": "nodens",
        "app.kubernetes.io/name": "nodens",
      });
    }
  }
});

test("nobody gets a token of the API server", () => {
  for (const { manifests, pod } of RENDERED) {
    assert.equal(pod["automountServiceAccountToken"], false);
    assert.equal(manifests["ServiceAccount/nodens"]?.["automountServiceAccountToken"], false);
  }
});

test("net-admin has the capabilities that tests/netns/kill_test.ts shows to suffice", () => {
  for (const { folder, pod, container, manifests } of RENDERED) {
    const { securityContext, volumeMounts } = container;
    const isSmall = folder.endsWith("net-admin");
    assert.equal(securityContext.privileged, !isSmall, folder);
    const wanted = { drop: ["ALL"], add: ["NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW"] };
    assert.deepEqual(securityContext.capabilities, isSmall ? wanted : undefined);
    const names = [...pod["volumes"], ...volumeMounts].map(({ name }: Manifest) => name);
    assert.equal(names.includes("tun"), !isSmall);
    assert.equal(podOptions(manifests).takeOver.lease, isSmall ? "nft" : "auto");
  }
});

test("the limit of memory holds the cache and what nodens itself takes", () => {
  for (const { manifests, container } of RENDERED) {
    const limitBytes = Number.parseInt(container["resources"].limits.memory, 10) * 1024 * 1024;
    // README.md: 51 to 56 MB when idle. Twice that, because it must not be reached.
    assert.ok(limitBytes >= podOptions(manifests).memoryBytes + 2 * 56e6);
    assert.equal(container["resources"].limits.cpu, undefined);
  }
});

test("the base has the sample's Corefile, without what is for clusters without IPv6", () => {
  const sample = parse(readFileSync(join(ROOT, "hack", "configmap.yaml.sample"), "utf8"));
  assert.equal(sample.metadata.name, "nodens");
  const lines: string[] = sample.data.Corefile.split("\n");
  const first = lines.findIndex((line) => line.includes("Nobody here has IPv6"));
  assert.ok(first > 0);
  lines.splice(first, 2);
  const text = lines.filter((line) => line.trim() !== "filter_aaaa").join("\n");
  const base = RENDERED.find(({ folder }) => folder === "base");
  assert.ok(base !== undefined);
  assert.equal(podFiles(base.manifests)["/etc/coredns/Corefile.base"], text);
});

test("the image's tag is the version, and stands in one place", () => {
  const kustomization = parse(readFileSync(join(KUBERNETES, "base", "kustomization.yaml"), "utf8"));
  assert.deepEqual(kustomization.images, [{ name: "nodens", newTag: VERSION }]);
  for (const { container } of RENDERED) assert.equal(container["image"], `nodens:${VERSION}`);
});

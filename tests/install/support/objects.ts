/** Objects that a cluster has before anybody installs anything. */

import type { KubeObject } from "./resources.ts";

const NAMESPACE = "kube-system";

export interface ClusterShape {
  readonly nodes?: readonly string[];
  /** ClusterIPs of its DNS. */
  readonly dnsIps?: readonly string[];
  /** Of the Service; default kube-dns. */
  readonly dnsName?: string;
  readonly selector?: Readonly<Record<string, string>>;
  /** kube-proxy's; null is no kube-proxy. */
  readonly proxyMode?: string | null;
  /** In the ConfigMap coredns; null is no such ConfigMap. */
  readonly domain?: string | null;
}

export function clusterObjects(shape: ClusterShape = {}): KubeObject[] {
  const { nodes = ["node-a", "node-b"], dnsIps = ["10.96.0.10"], dnsName = "kube-dns" } = shape;
  const { selector = { "k8s-app": "kube-dns" }, proxyMode = "", domain = "cluster.local" } = shape;
  const dns: KubeObject = {
    ...{ apiVersion: "v1", kind: "Service" },
    metadata: { name: dnsName, namespace: NAMESPACE, labels: { "k8s-app": "kube-dns" } },
    spec: { clusterIP: dnsIps[0], clusterIPs: [...dnsIps], selector },
  };
  const corefile = `.:53 {\n    errors\n    kubernetes ${domain} in-addr.arpa ip6.arpa {\n    }\n}\n`;
  const proxy = configMap("kube-proxy", { "config.conf": `kind: X\nmode: "${proxyMode}"\n` });
  return [
    ...nodes.map((name) => nodeNamed(name)),
    dns,
    ...(domain === null ? [] : [configMap("coredns", { Corefile: corefile })]),
    ...(proxyMode === null ? [] : [proxy]),
  ];
}

export function nodeNamed(name: string, isReady = true): KubeObject {
  return {
    ...{ apiVersion: "v1", kind: "Node" },
    metadata: { name, labels: { "kubernetes.io/os": "linux" } },
    spec: { podCIDR: "10.244.0.0/24", podCIDRs: ["10.244.0.0/24"] },
    status: {
      conditions: [{ type: "Ready", status: isReady ? "True" : "False" }],
      addresses: [{ type: "InternalIP", address: "10.3.0.1" }],
    },
  };
}

export function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: NAMESPACE }, data };
}

/** node-cache as its manual has it; or k8s-local-dns, which is the same by another name. */
export function olderAgent(name: string, localIps: string, corefile: string): KubeObject[] {
  const labels = { "k8s-app": name };
  const args = [
    "-localip",
    localIps,
    "-conf",
    "/etc/Corefile",
    "-upstreamsvc",
    "kube-dns-upstream",
  ];
  const set: KubeObject = {
    ...{ apiVersion: "apps/v1", kind: "DaemonSet" },
    metadata: { name, namespace: NAMESPACE, labels },
    spec: {
      selector: { matchLabels: labels },
      updateStrategy: { rollingUpdate: { maxUnavailable: "10%" } },
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: "node-cache", image: "node-cache:1.23.0", args }],
          volumes: [
            { name: "kube-dns-config", configMap: { name: "kube-dns", optional: true } },
            { name: "config-volume", configMap: { name } },
          ],
        },
      },
    },
  };
  return [configMap(name, { Corefile: corefile }), set];
}

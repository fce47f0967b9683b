/** The Helm chart makes the same objects as kustomize, and refuses values that make no sense. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { renderChart } from "./support/chart.ts";
import { findKubectls, renderKustomization } from "./support/kustomize.ts";

const [KUBECTL] = findKubectls();
assert.ok(KUBECTL !== undefined);

const CLUSTER_IP_ONLY = { localIPs: [] };
const LOCAL_ONLY = { clusterIPs: [], keepFallback: true };

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
  });
}

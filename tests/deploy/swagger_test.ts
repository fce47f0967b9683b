/** What is for old Kubernetes has nothing that 1.13 does not know. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { findKubectls, renderKustomization } from "./support/kustomize.ts";
import { KUBERNETES, readManifests } from "./support/manifests.ts";
import { swaggerProblems } from "./support/swagger.ts";

const [KUBECTL] = findKubectls();
assert.ok(KUBECTL !== undefined);

test("the overlay old-kubernetes and the policies fit Kubernetes 1.13", () => {
  const manifests = {
    ...renderKustomization("overlays/old-kubernetes", KUBECTL),
    ...readManifests(join(KUBERNETES, "extras", "networkpolicies.yaml")),
  };
  assert.ok(Object.keys(manifests).length >= 8);
  assert.deepEqual(Object.values(manifests).flatMap(swaggerProblems), []);
});

test("swaggerProblems() finds in the base what is newer than 1.13, and only that", () => {
  const manifests = renderKustomization("base", KUBECTL);
  assert.deepEqual(Object.values(manifests).flatMap(swaggerProblems).sort(), [
    "DaemonSet.spec.template.spec.containers[0].startupProbe: no such field",
    "DaemonSet.spec.template.spec.securityContext.seccompProfile: no such field",
    "DaemonSet.spec.updateStrategy.rollingUpdate.maxSurge: no such field",
  ]);
});

test("swaggerProblems() finds wrong types, missing fields and unknown objects", () => {
  const metadata = { name: "a", labels: { a: 1 } };
  for (const [manifest, wanted] of [
    [{ apiVersion: "v1", kind: "ConfigMap", metadata }, "ConfigMap.metadata.labels.a: not string"],
    [{ apiVersion: "v1", kind: "ConfigMap", data: [] }, "ConfigMap.data: not object"],
    [
      { apiVersion: "v1", kind: "Service", spec: { ports: [{ name: "dns" }] } },
      "Service.spec.ports[0].port: missing",
    ],
    [
      { apiVersion: "v1", kind: "Service", spec: { ports: [{ port: 1, targetPort: 1.5 }] } },
      "Service.spec.ports[0].targetPort: not int-or-string",
    ],
    [{ apiVersion: "apps/v2", kind: "DaemonSet" }, "apps/v2 DaemonSet: no such object"],
  ] as const) {
    assert.deepEqual(swaggerProblems(manifest), [wanted]);
  }
});

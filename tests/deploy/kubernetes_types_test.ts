/** Manifests have only fields that their Kubernetes knows: the oldest they are for, and new. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type TypedVersion, type TypeQuestion, typeProblems } from "./support/kubernetes_types.ts";
import { findKubectls, kustomizations, renderKustomization } from "./support/kustomize.ts";
import { KUBERNETES, type Manifest, type Manifests, readManifests } from "./support/manifests.ts";

const [KUBECTL] = findKubectls();
assert.ok(KUBECTL !== undefined);

/** The nearest below what the folder claims; those that are not named claim 1.22. */
const OLDEST: Readonly<Record<string, TypedVersion>> = {
  "overlays/old-kubernetes": "1.17",
  "overlays/dual-stack": "1.21",
};
const NEWER: readonly TypedVersion[] = ["1.25", "1.30", "1.36"];

function questions(name: string, version: TypedVersion, manifests: Manifests): TypeQuestion[] {
  return Object.entries(manifests).map(([key, manifest]) => ({
    ...{ name: `${name} ${key} for ${version}`, version, manifest },
  }));
}

test("all that kustomize renders, and the examples, have fields that Kubernetes knows", () => {
  const rendered = kustomizations().flatMap((folder) => {
    const manifests = renderKustomization(folder, KUBECTL);
    return [OLDEST[folder] ?? "1.21", ...NEWER].flatMap((version) =>
      questions(folder, version, manifests),
    );
  });
  const policies = readExtras("networkpolicies.yaml");
  const examples = (["1.17", ...NEWER] as const).flatMap((version) =>
    questions("extras", version, policies),
  );
  const monitors = questions("extras", "operator", readExtras("podmonitor.yaml"));
  assert.ok(rendered.length > 100 && examples.length >= 8 && monitors.length === 1);
  assert.deepEqual(typeProblems([...rendered, ...examples, ...monitors]), []);
});

function readExtras(name: string): Manifests {
  return readManifests(join(KUBERNETES, "extras", name));
}

/** The base with a change, as an old or careless hand would make it. */
function changedBase(change: (daemonSet: Manifest) => void): Manifest {
  const daemonSet = structuredClone(renderKustomization("base", KUBECTL)["DaemonSet/nodens"]);
  assert.ok(daemonSet !== undefined);
  change(daemonSet);
  return daemonSet;
}

test("typeProblems() finds what a version does not know, and what none does", () => {
  const same = changedBase(() => {});
  const unknown = changedBase(({ spec }) => {
    spec.template.spec.containers[0].livenessProbe.periodSecond = 10;
  });
  const typed = changedBase(({ spec }) => {
    spec.template.spec.hostNetwork = "true";
  });
  const missing = changedBase(({ spec }) => {
    delete spec.selector;
  });
  const [monitor] = Object.values(structuredClone(readExtras("podmonitor.yaml")));
  assert.ok(monitor !== undefined);
  monitor["spec"].podMetricsEndpoints[0].relabelings[0].sourceLabel = "a";
  const found = typeProblems([
    { name: "monitor", version: "operator", manifest: monitor },
    { name: "same", version: "1.21", manifest: same },
    { name: "old", version: "1.17", manifest: same },
    { name: "unknown", version: "1.30", manifest: unknown },
    { name: "unknown, new", version: "1.36", manifest: unknown },
    { name: "typed", version: "1.36", manifest: typed },
    { name: "missing", version: "1.30", manifest: missing },
  ]).join("\n");
  assert.doesNotMatch(found, /^same/m);
  assert.match(found, /^monitor: .*'"sourceLabel"' does not exist/m);
  assert.match(found, /^old: .*'"maxSurge"' does not exist/m);
  assert.match(found, /^old: .*'"seccompProfile"' does not exist/m);
  assert.match(found, /^unknown: .*'"periodSecond"' does not exist/m);
  assert.match(found, /^unknown, new: .*'"periodSecond"' does not exist/m);
  assert.match(found, /^typed: .*'string' is not assignable to type 'boolean/m);
  assert.match(found, /^missing: .*'selector' is missing/m);
});

test("every overlay of the folder is one that a test knows", () => {
  assert.deepEqual(readdirSync(join(KUBERNETES, "overlays")).sort(), [
    ...["clusterip-intercept", "dual-stack", "gke", "ipvs", "link-local", "net-admin"],
    "old-kubernetes",
  ]);
});

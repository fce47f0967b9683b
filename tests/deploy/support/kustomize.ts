/**
 * `kubectl kustomize` of an old and of a newer kubectl.
 *
 * The old one is that of Debian's kubernetes-client 1.20 with kustomize 2.0.3, unpacked by
 * `need_old_kubectl` in hack/lib.sh. A newer one is taken when the machine has one; it is nobody's
 * duty to have it.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { KUBERNETES, type Manifests, parseManifests, ROOT } from "./manifests.ts";

const OLD = join(ROOT, "dist", "kubectl-1.20", "usr", "bin", "kubectl");
const NEW_PLACES = ["/usr/bin/kubectl", "/usr/local/bin/kubectl"];

export interface Kubectl {
  readonly path: string;
  /** As it says itself. */
  readonly version: string;
}

/** @throws {Error} without the old one: what it refuses must not go unnoticed. */
export function findKubectls(): Kubectl[] {
  if (!existsSync(OLD)) {
    throw new Error(`Cannot find kubectl 1.20 at ${OLD}: run need_old_kubectl of hack/lib.sh`);
  }
  const paths = [OLD, ...NEW_PLACES.filter((path) => existsSync(path)).slice(0, 1)];
  return paths.map((path) => ({ path, version: versionOf(path) }));
}

function versionOf(path: string): string {
  const answer = run(path, ["version", "--client", "--output=json"]);
  return JSON.parse(answer).clientVersion.gitVersion;
}

/** Folders with a kustomization.yaml, as `base` and `overlays/NAME`. */
export function kustomizations(): string[] {
  return ["base", ...readdirSync(join(KUBERNETES, "overlays")).map((name) => `overlays/${name}`)];
}

/** @throws {Error} with what kubectl says. */
export function renderKustomization(folder: string, { path }: Kubectl): Manifests {
  return parseManifests(run(path, ["kustomize", join(KUBERNETES, folder)]));
}

function run(path: string, words: readonly string[]): string {
  // A kubectl that has a home or a cluster must not differ from one that has none.
  const env = { PATH: process.env["PATH"], HOME: "/nonexistent", KUBECONFIG: "/nonexistent" };
  return execFileSync(path, words, { encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"] });
}

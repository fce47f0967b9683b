/** Kubernetes objects as tests look at them. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

export const ROOT = join(import.meta.dirname, "..", "..", "..");
export const KUBERNETES = join(ROOT, "deploy", "kubernetes");

// biome-ignore lint/suspicious/noExplicitAny: whatever is written there; schemas say what may be.
export type Manifest = Record<string, any>;

/** By `Kind/name`. */
export type Manifests = Readonly<Record<string, Manifest>>;

/** @throws {Error} on text that is no YAML, and on two objects of one kind and name. */
export function parseManifests(text: string): Manifests {
  const manifests: Record<string, Manifest> = {};
  for (const document of parseAllDocuments(text)) {
    const [problem] = document.errors;
    if (problem !== undefined) throw new Error(`Cannot read a manifest: ${problem.message}`);
    const manifest = document.toJS() as Manifest | null;
    if (manifest === null) continue;
    const key = `${manifest["kind"]}/${manifest["metadata"].name}`;
    if (manifests[key] !== undefined) throw new Error(`${key} is there twice`);
    manifests[key] = manifest;
  }
  return manifests;
}

export function readManifests(path: string): Manifests {
  return parseManifests(readFileSync(path, "utf8"));
}

export function daemonSetOf(manifests: Manifests): Manifest {
  const daemonSet = manifests["DaemonSet/nodens"];
  if (daemonSet === undefined) throw new Error("DaemonSet/nodens is not among the manifests");
  return daemonSet;
}

export function podOf(manifests: Manifests): Manifest {
  return daemonSetOf(manifests)["spec"].template.spec;
}

export function containerOf(manifests: Manifests): Manifest {
  return podOf(manifests)["containers"][0];
}

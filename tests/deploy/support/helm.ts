/** Helm itself, where the machine has it: nobody's duty, and so never a reason to fail. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { CHART } from "./chart.ts";
import { type Manifests, parseManifests } from "./manifests.ts";

/** Its version; null where there is none. */
export function helmVersion(): string | null {
  const { status, stdout } = spawnSync("helm", ["version", "--short"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

/** @throws {Error} with what helm says, of values that the schema refuses for instance. */
export function templateByHelm(values: object, namespace = "kube-system"): Manifests {
  const folder = mkdtempSync(join(tmpdir(), "nodens-helm-"));
  try {
    const file = join(folder, "values.yaml");
    writeFileSync(file, stringify(values));
    const words = ["template", "nodens", CHART, "--namespace", namespace, "--values", file];
    const env = { PATH: process.env["PATH"], HOME: folder, KUBECONFIG: "/nonexistent" };
    return parseManifests(execFileSync("helm", words, { encoding: "utf8", env, stdio: "pipe" }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

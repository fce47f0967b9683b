/** What nodens sees in its pod: files, environment and flags, as the kubelet makes them. */

import { posix } from "node:path";
import { checkCommand, checkedInputs } from "../../../src/cli/check_command.ts";
import { parseFlags } from "../../../src/cli/go_flags.ts";
import { RUN_FLAGS, readRunOptions } from "../../../src/cli/run_flags.ts";
import type { RunOptions } from "../../../src/config/run_options.ts";
import { memorySource } from "../../../src/config/source.ts";
import { containerOf, type Manifest, type Manifests, podOf } from "./manifests.ts";

const SEARCH = "search default.svc.cluster.local svc.cluster.local cluster.local\n";

/** Services of kube-system that are there without us. */
const CLUSTER_SERVICES = { "kube-dns": "10.96.0.10" };

/** Variables with the addresses of Services, those of the manifests among them. */
export function podEnvironment(manifests: Manifests): Record<string, string> {
  const own = Object.values(manifests)
    .filter(({ kind, spec }) => kind === "Service" && spec.clusterIP !== "None")
    .map(({ metadata }, index) => [metadata.name, `10.96.0.${100 + index}`]);
  const all = [...Object.entries(CLUSTER_SERVICES), ...own] as [string, string][];
  return Object.fromEntries(
    all.map(([name, address]) => [
      `${name.toUpperCase().replaceAll("-", "_")}_SERVICE_HOST`,
      address,
    ]),
  );
}

/** The container's arguments with `$(NAME)` filled in; what is not known stays as it is. */
export function podArguments(manifests: Manifests): string[] {
  const environment = podEnvironment(manifests);
  const args = containerOf(manifests)["args"] as string[];
  return args.map((word) =>
    word.replace(/\$\((\w+)\)/g, (whole, name: string) => environment[name] ?? whole),
  );
}

/** @throws {UsageError} on flags that nodens does not know, and on values that they do not take. */
export function podOptions(manifests: Manifests): RunOptions {
  return readRunOptions(parseFlags(podArguments(manifests), RUN_FLAGS));
}

/** Files that volumes bring along, and the node's resolv.conf. */
export function podFiles(manifests: Manifests): Record<string, string> {
  const files: Record<string, string> = {
    "/etc/resolv.conf": `${SEARCH}nameserver 192.0.2.53\n`,
  };
  for (const { name, mountPath } of containerOf(manifests)["volumeMounts"] as Manifest[]) {
    const volumes = podOf(manifests)["volumes"] as Manifest[];
    const volume = volumes.find((one) => one["name"] === name);
    if (volume === undefined) throw new Error(`no volume ${name} for ${mountPath}`);
    const map = manifests[`ConfigMap/${volume["configMap"]?.name}`];
    if (map === undefined) continue;
    const items: { key: string; path: string }[] =
      volume["configMap"].items ?? Object.keys(map["data"]).map((key) => ({ key, path: key }));
    for (const { key, path } of items) files[posix.join(mountPath, path)] = map["data"][key];
  }
  return files;
}

/** What `nodens check` says in that pod. */
export async function checkInPod(manifests: Manifests): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const add = (line: string) => {
    lines.push(line);
  };
  const source = memorySource(podFiles(manifests), { environment: podEnvironment(manifests) });
  const inputs = { ...checkedInputs(podOptions(manifests), null), source, lookUp: async () => [] };
  const code = await checkCommand({ inputs, json: false }, { out: add, error: add });
  return { code, text: lines.join("\n") };
}

/** Runs hack/install.sh and hack/uninstall.sh against a fake cluster, with the real kubectl. */

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { attempt, type Finished } from "../../netns/support/namespaces.ts";
import { cleanUp, type Ending } from "../../support/clean_up.ts";
import type { FakeCluster } from "./fake_cluster.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
/** Debian's, the oldest that is supported; see `need_old_kubectl` of hack/lib.sh. */
const KUBECTL = join(ROOT, "dist", "kubectl-1.20", "usr", "bin", "kubectl");
const TIMEOUT_MS = 120_000;

export interface ScriptOptions {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A copy of what an operator has: scripts, sample and manifests, in a folder of the test's own. */
export class Operator {
  /** The folder hack of it, where configmap.yaml belongs. */
  readonly hack: string;
  /** What the scripts run in its place: see wrapperText. */
  readonly #kubectl: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(context: Ending, cluster: FakeCluster, kubectl = KUBECTL) {
    const folder = mkdtempSync(join(tmpdir(), `nodens-operator-${process.pid}-`));
    cleanUp(context, () => rmSync(folder, { recursive: true, force: true }));
    this.hack = join(folder, "hack");
    mkdirSync(this.hack);
    for (const name of ["install.sh", "uninstall.sh", "cluster.sh", "configmap.yaml.sample"]) {
      cpSync(join(ROOT, "hack", name), join(this.hack, name));
    }
    cpSync(join(ROOT, "deploy", "kubernetes"), join(folder, "deploy", "kubernetes"), {
      recursive: true,
    });
    this.#kubectl = join(folder, "kubectl");
    writeFileSync(this.#kubectl, wrapperText(kubectl, cluster.server.url), { mode: 0o755 });
    const config = join(folder, "config");
    writeFileSync(config, kubeconfig(cluster.server.url));
    // No settings of whoever runs the test.
    const { PATH } = process.env;
    this.#env = {
      PATH,
      HOME: folder,
      KUBECONFIG: config,
      KUBECTL: this.#kubectl,
      NODENS_POLL_SEC: "0.2",
    };
  }

  /** A kubectl that fails when it is called with `words`, and says why; otherwise the usual one. */
  kubectlThat(words: string, failure: string): string {
    const path = join(this.hack, "kubectl");
    const refusal = `case "$* " in *"${words} "*) echo "${failure}" >&2; exit 1 ;; esac`;
    const text = `#!/bin/bash\n${refusal}\nexec "${this.#kubectl}" "$@"\n`;
    writeFileSync(path, text, { mode: 0o755 });
    return path;
  }

  /** `cp configmap.yaml.sample configmap.yaml` */
  copySample(): void {
    cpSync(join(this.hack, "configmap.yaml.sample"), join(this.hack, "configmap.yaml"));
  }

  removeConfig(): void {
    rmSync(join(this.hack, "configmap.yaml"));
  }

  install(options: ScriptOptions = {}): Promise<Finished> {
    return this.#run("install.sh", options);
  }

  uninstall(options: ScriptOptions = {}): Promise<Finished> {
    return this.#run("uninstall.sh", options);
  }

  #run(script: string, { args = [], env = {} }: ScriptOptions): Promise<Finished> {
    const options = { env: { ...this.#env, ...env }, timeoutMs: TIMEOUT_MS };
    return attempt([join(this.hack, script), ...args], options);
  }
}

/** Without OpenAPI there is nothing to validate by; `exec` goes its own way. */
function wrapperText(kubectl: string, url: string): string {
  const client = join(import.meta.dirname, "exec_client.ts");
  return `#!/bin/bash
words=("$@")
while [[ \${1:-} == --* ]]; do [[ $1 == *=* ]] || shift; shift; done
case "\${1:-}" in
exec) exec "${process.execPath}" "${client}" "${url}" "\${words[@]}" ;;
apply | create) words+=(--validate=false) ;;
esac
exec "${kubectl}" "\${words[@]}"
`;
}

function kubeconfig(url: string): string {
  return JSON.stringify({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "play" },
    clusters: [{ name: "play", cluster: { server: url } }],
    contexts: [{ name: "play", context: { cluster: "play", user: "play" } }],
    users: [{ name: "play", user: {} }],
  });
}

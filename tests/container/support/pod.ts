/** What the kubelet gives a pod of our DaemonSet: files, folders and words, as in its manifest. */

import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import type { Lab } from "../../netns/support/lab.ts";
import {
  CLUSTER_IP,
  KUBE_DNS_ENDPOINTS,
  NODE_LOCAL,
  UPSTREAM_ENDPOINTS,
  UPSTREAM_IP,
} from "../../netns/support/places.ts";
import { cleanUp, type Ending } from "../../support/clean_up.ts";
import type { ContainerSpec } from "./container.ts";

/** Those of the manifest, to be held against it by measurement. */
export const MEMORY_LIMIT_BYTES = 192 << 20;

const SAMPLE = join(import.meta.dirname, "..", "..", "..", "hack", "configmap.yaml.sample");

/** The Corefile of hack/configmap.yaml.sample. */
export function sampleCorefile(): string {
  const { data } = parse(readFileSync(SAMPLE, "utf8")) as { data: { Corefile: string } };
  return data.Corefile;
}

export interface Pod {
  readonly configMap: ConfigMapVolume;
  /** Of the manifest's startupProbe and readinessProbe. */
  readonly readinessProbe: readonly string[];
  /** For a container of it; each call is another pod with folders of its own. */
  spec(rootfs: string): ContainerSpec;
}

export interface PodOptions {
  /** Default that of the sample. */
  readonly corefile?: string;
  /** Of the node's resolv.conf. Default one that the laboratory's stand-in for kube-dns answers. */
  readonly nameserver?: string;
}

/** A pod in the laboratory's node. What it has goes when the test ends. */
export function preparePod(context: Ending, lab: Lab, options: PodOptions = {}): Pod {
  const { corefile = sampleCorefile(), nameserver = UPSTREAM_ENDPOINTS[0]![4] } = options;
  const folder = mkdtempSync(join(tmpdir(), `nodens-pod-${process.pid}-`));
  cleanUp(context, () => rmSync(folder, { recursive: true, force: true }));
  const configMap = new ConfigMapVolume(join(folder, "config"), { "Corefile.base": corefile });
  const resolvConf = join(folder, "resolv.conf");
  // As dnsPolicy Default has it: the node's own file.
  writeFileSync(resolvConf, `nameserver ${nameserver}\n`);
  // Made by the kubelet (FileOrCreate); the laboratory's own, so that nobody else waits for it.
  writeFileSync(lab.lockFile, "");
  let count = 0;
  return {
    configMap,
    readinessProbe: ["/sbin/ip", "-batch", "/run/nodens/ready"],
    spec(rootfs) {
      const own = join(folder, String(++count));
      for (const name of ["etc", "run"]) mkdirSync(join(own, name), { recursive: true });
      return {
        rootfs,
        args: podArgs(),
        env: serviceVariables(),
        mounts: [
          { source: configMap.folder, destination: "/etc/coredns", readOnly: true },
          { source: join(own, "etc"), destination: "/etc/nodens", readOnly: false },
          { source: join(own, "run"), destination: "/run/nodens", readOnly: false },
          { source: lab.lockFile, destination: "/run/xtables.lock", readOnly: false },
          { source: resolvConf, destination: "/etc/resolv.conf", readOnly: true },
        ],
        memoryLimitBytes: MEMORY_LIMIT_BYTES,
        privileges: "privileged",
        netns: lab.names.node,
        readOnlyRoot: true,
      };
    },
  };
}

function podArgs(): string[] {
  return [
    ...["-localip", `${NODE_LOCAL[4]},${CLUSTER_IP[4]}`, "-conf", "/etc/nodens/Corefile"],
    ...["-upstreamsvc", "nodens-upstream", "-fallback", KUBE_DNS_ENDPOINTS[0]![4]],
    ...["-interfacename", "nodelocaldns0", "-readyfile", "/run/nodens/ready", "-memory", "64MiB"],
  ];
}

/** As the kubelet sets them for every Service of the namespace. */
function serviceVariables(): Record<string, string> {
  const services = { KUBE_DNS: CLUSTER_IP[4], NODENS_UPSTREAM: UPSTREAM_IP[4] };
  const entries = Object.entries(services).flatMap(([name, address]) => [
    [`${name}_SERVICE_HOST`, address],
    [`${name}_SERVICE_PORT`, "53"],
    [`${name}_SERVICE_PORT_DNS`, "53"],
    [`${name}_SERVICE_PORT_DNS_TCP`, "53"],
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}

/**
 * A ConfigMap as the kubelet mounts it: files are in a folder with the time in its name, `..data`
 * leads there, and each key is a link through that. A change is one rename of `..data`.
 */
export class ConfigMapVolume {
  readonly folder: string;
  #writeCount = 0;

  constructor(folder: string, files: Readonly<Record<string, string>>) {
    this.folder = folder;
    mkdirSync(folder);
    this.write(files);
    for (const name of Object.keys(files)) symlinkSync(`..data/${name}`, join(folder, name));
  }

  /** Replaces all files at once. */
  write(files: Readonly<Record<string, string>>): void {
    const stamp = `..2026_11_25_10_00_00.${++this.#writeCount}`;
    mkdirSync(join(this.folder, stamp));
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(this.folder, stamp, name), text);
    }
    const next = join(this.folder, "..data_tmp");
    symlinkSync(stamp, next);
    renameSync(next, join(this.folder, "..data"));
    if (this.#writeCount === 1) return;
    const earlier = `..2026_11_25_10_00_00.${this.#writeCount - 1}`;
    rmSync(join(this.folder, earlier), { recursive: true });
  }
}

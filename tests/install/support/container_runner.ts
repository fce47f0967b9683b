/**
 * Pods of the fake cluster as real containers: a node is the laboratory's, a pod of nodens is the
 * image, run by runc, with the volumes, variables and probes of its manifest. What a kubelet does
 * for that is here, as far as the manifests of this project need it.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import {
  Container,
  type ContainerMount,
  type ContainerSpec,
} from "../../container/support/container.ts";
import { ConfigMapVolume } from "../../container/support/pod.ts";
import type { Lab } from "../../netns/support/lab.ts";
import { UPSTREAM_ENDPOINTS } from "../../netns/support/places.ts";
import type { Ending } from "../../support/clean_up.ts";
import { cleanUp } from "../../support/clean_up.ts";
import type { ObjectStore } from "./object_store.ts";
import type { Finished, PodProblem, PodRunner, RunningPod } from "./pod_runner.ts";
import type { KubeObject } from "./resources.ts";

/** Between the end of a container and its next start; a kubelet takes ten times as long. */
const BACK_OFF_MS = 1000;
/** How often ConfigMaps are looked at; a kubelet takes up to a minute. */
const SYNC_MS = 1000;
const MEBIBYTES = 1 << 20;

interface Probe {
  readonly exec?: { readonly command: readonly string[] };
  readonly periodSeconds?: number;
}

interface ContainerTemplate {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly resources?: { readonly limits?: { readonly memory?: string } };
  readonly securityContext?: { privileged?: boolean; readOnlyRootFilesystem?: boolean };
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

interface Volume {
  readonly name: string;
  readonly configMap?: {
    readonly name: string;
    readonly optional?: boolean;
    readonly items?: readonly { readonly key: string; readonly path: string }[];
  };
  readonly emptyDir?: object;
  readonly hostPath?: { readonly path: string };
}

interface MountedConfigMap {
  readonly volume: ConfigMapVolume;
  readonly source: NonNullable<Volume["configMap"]>;
  /** What is in it, as JSON. */
  content: string;
}

export interface RunnerParts {
  /** Whose ending ends all pods. */
  readonly context: Ending;
  /** By the name of the node. */
  readonly labs: ReadonlyMap<string, Lab>;
  /** Root file systems by the image that pods name; another one cannot be pulled. */
  readonly images: Readonly<Record<string, string>>;
  /** Set as soon as there is a cluster. */
  store: ObjectStore | null;
}

/** Containers with runc. Other pods, which tests stand in for, are for others to run. */
export class ContainerRunner implements PodRunner {
  readonly #parts: RunnerParts;
  /** The newest of each node. */
  readonly #pods = new Map<string, ContainerPod>();

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** Kills what runs on a node; it does not come back, as where the kubelet has gone as well. */
  killOn(node: string): void {
    this.#pods.get(node)?.kill();
  }

  start(pod: KubeObject, node: KubeObject): RunningPod {
    const lab = this.#parts.labs.get(node.metadata.name);
    if (lab === undefined) throw new Error(`There is no laboratory for ${node.metadata.name}`);
    const started = new ContainerPod(pod, lab, this.#parts);
    this.#pods.set(node.metadata.name, started);
    return started;
  }
}

class ContainerPod implements RunningPod {
  readonly #pod: KubeObject;
  readonly #lab: Lab;
  readonly #parts: RunnerParts;
  readonly #folder: string;
  readonly #configMaps: MountedConfigMap[] = [];
  readonly #logs = new Map<string, string>();
  readonly #life: Promise<void>;
  #container: Container | null = null;
  #isStopping = false;
  #isReady = false;
  #restarts = 0;
  #problem: PodProblem | null = null;

  constructor(pod: KubeObject, lab: Lab, parts: RunnerParts) {
    this.#pod = pod;
    this.#lab = lab;
    this.#parts = parts;
    this.#folder = mkdtempSync(join(tmpdir(), `nodens-pod-${process.pid}-`));
    cleanUp(parts.context, () => rmSync(this.#folder, { recursive: true, force: true }));
    this.#life = this.#live();
  }

  async isReady(): Promise<boolean> {
    return this.#isReady;
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#isReady = false;
    await this.#container?.stop(graceMs);
    await this.#life;
  }

  kill(): void {
    this.#isStopping = true;
    this.#isReady = false;
    this.#container?.kill("SIGKILL");
  }

  async logs(container: string | null): Promise<string> {
    const running = this.#container?.log() ?? "";
    return (container === null ? "" : (this.#logs.get(container) ?? "")) + running;
  }

  async exec(words: readonly string[]): Promise<Finished> {
    if (this.#container === null) return { code: 1, stdout: "", stderr: "no container runs" };
    const { code, stdout, stderr } = await this.#container.exec(words);
    return { code: code ?? 1, stdout, stderr };
  }

  problem(): PodProblem | null {
    return this.#problem;
  }

  /** Init containers one after the other, then the one container, again and again. */
  async #live(): Promise<void> {
    const spec = this.#pod.spec as { containers: ContainerTemplate[] } & {
      initContainers?: ContainerTemplate[];
      volumes?: Volume[];
    };
    const volumes = this.#makeVolumes(spec.volumes ?? []);
    for (const one of spec.initContainers ?? []) await this.#runToEnd(one, volumes);
    const [template] = spec.containers;
    while (!this.#isStopping) {
      const container = await this.#start(template!, volumes);
      if (container === null) return;
      await Promise.race([container.ended, this.#watch(container, template!)]);
      this.#isReady = false;
      if (this.#isStopping) return;
      this.#note("CrashLoopBackOff", `exit code ${container.child.exitCode}`);
      await delay(BACK_OFF_MS);
    }
  }

  async #runToEnd(
    template: ContainerTemplate,
    volumes: ReadonlyMap<string, string>,
  ): Promise<void> {
    while (!this.#isStopping) {
      const container = await this.#start(template, volumes);
      await container?.ended;
      this.#logs.set(template.name, container?.log() ?? "");
      if (container?.child.exitCode === 0) return;
      this.#note("CrashLoopBackOff", `init container: exit code ${container?.child.exitCode}`);
      await delay(BACK_OFF_MS);
    }
  }

  #note(reason: string, message: string): void {
    this.#restarts++;
    this.#problem = { reason, message, restarts: this.#restarts };
  }

  async #start(
    template: ContainerTemplate,
    volumes: ReadonlyMap<string, string>,
  ): Promise<Container | null> {
    const rootfs = this.#parts.images[template.image];
    if (rootfs === undefined) {
      this.#problem = { reason: "ErrImagePull", message: template.image, restarts: 0 };
      return null;
    }
    const spec = this.#specOf(template, rootfs, volumes);
    this.#container = await Container.start(this.#parts.context, spec);
    return this.#container;
  }

  /** Probes, and what changes in ConfigMaps, until the container has ended. */
  async #watch(container: Container, template: ContainerTemplate): Promise<void> {
    const { startupProbe, readinessProbe } = template;
    let probe = startupProbe ?? readinessProbe;
    let probeAtMs = 0;
    let syncAtMs = 0;
    while (container.isRunning && !this.#isStopping) {
      const nowMs = performance.now();
      if (nowMs >= syncAtMs) {
        this.#syncConfigMaps();
        syncAtMs = nowMs + SYNC_MS;
      }
      if (nowMs >= probeAtMs) {
        const isPassed = await passes(container, probe);
        if (isPassed && probe === startupProbe) probe = readinessProbe;
        this.#isReady = isPassed && !this.#isStopping;
        if (isPassed) this.#problem = null;
        probeAtMs = nowMs + (probe?.periodSeconds ?? 10) * 1000;
      }
      await delay(50);
    }
    await container.ended;
  }

  #specOf(
    template: ContainerTemplate,
    rootfs: string,
    volumes: ReadonlyMap<string, string>,
  ): ContainerSpec {
    const env = this.#environment(template);
    const expand = (word: string) => word.replace(/\$\((\w+)\)/g, (all, name) => env[name] ?? all);
    const limit = template.resources?.limits?.memory;
    const mounts = (template.volumeMounts ?? []).flatMap(({ name, mountPath, readOnly }) => {
      const source = volumes.get(name);
      const mount: ContainerMount = {
        source: source ?? "",
        destination: mountPath,
        readOnly: readOnly === true,
      };
      return source === undefined ? [] : [mount];
    });
    const resolvConf = join(this.#folder, "resolv.conf");
    writeFileSync(resolvConf, `nameserver ${UPSTREAM_ENDPOINTS[0]![4]}\n`);
    return {
      rootfs,
      env,
      args: (template.args ?? []).map(expand),
      ...(template.command === undefined ? {} : { command: template.command.map(expand) }),
      mounts: [...mounts, { source: resolvConf, destination: "/etc/resolv.conf", readOnly: true }],
      ...(limit === undefined ? {} : { memoryLimitBytes: Number.parseInt(limit, 10) * MEBIBYTES }),
      privileges: template.securityContext?.privileged === true ? "privileged" : "net_admin",
      netns: this.#lab.names.node,
      readOnlyRoot: template.securityContext?.readOnlyRootFilesystem === true,
    };
  }

  /** Its own, and the addresses of the Services of its namespace, as of its start. */
  #environment(template: ContainerTemplate): Record<string, string> {
    const env: Record<string, string> = {};
    for (const { metadata, spec } of this.#parts.store?.list("Service") ?? []) {
      const address = spec?.["clusterIP"];
      if (metadata.namespace !== this.#pod.metadata.namespace || address === "None") continue;
      const name = metadata.name.toUpperCase().replaceAll("-", "_");
      env[`${name}_SERVICE_HOST`] = String(address);
    }
    for (const { name, value } of template.env ?? []) env[name] = value ?? "";
    return env;
  }

  /** Folders and files by the name of their volume; devices are not among them. */
  #makeVolumes(volumes: readonly Volume[]): Map<string, string> {
    const places = new Map<string, string>();
    for (const { name, configMap, emptyDir, hostPath } of volumes) {
      const folder = join(this.#folder, name);
      if (emptyDir !== undefined) {
        mkdirSync(folder);
        places.set(name, folder);
      } else if (configMap !== undefined) {
        const files = this.#filesOf(configMap);
        if (files === null) mkdirSync(folder);
        else {
          const volume = new ConfigMapVolume(folder, files);
          this.#configMaps.push({ volume, source: configMap, content: JSON.stringify(files) });
        }
        places.set(name, folder);
      } else if (hostPath?.path === "/run/xtables.lock") {
        writeFileSync(this.#lab.lockFile, "");
        places.set(name, this.#lab.lockFile);
      } else if (!hostPath?.path.startsWith("/dev/")) {
        throw new Error(`Cannot mount the volume ${name}: this kubelet does not know its kind`);
      }
    }
    return places;
  }

  #filesOf(source: NonNullable<Volume["configMap"]>): Record<string, string> | null {
    const found = this.#parts.store?.get("ConfigMap", source.name, this.#pod.metadata.namespace);
    if (!found) return null;
    const data = found.data ?? {};
    const items = source.items ?? Object.keys(data).map((key) => ({ key, path: key }));
    return Object.fromEntries(items.map(({ key, path }) => [path, data[key] ?? ""]));
  }

  #syncConfigMaps(): void {
    for (const mounted of this.#configMaps) {
      const files = this.#filesOf(mounted.source);
      const content = JSON.stringify(files);
      if (files === null || content === mounted.content) continue;
      mounted.volume.write(files);
      mounted.content = content;
    }
  }
}

async function passes(container: Container, probe: Probe | undefined): Promise<boolean> {
  if (probe?.exec === undefined) return true;
  return (await container.exec(probe.exec.command)).code === 0;
}

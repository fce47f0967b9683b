/** A cluster without machines: API server, DaemonSet controller and kubelets of this folder. */

import { cleanUp, type Ending } from "../../support/clean_up.ts";
import { ApiServer, type DeleteOptions, type ServerParts } from "./api_server.ts";
import { DaemonSetController } from "./daemon_sets.ts";
import { Kubelet } from "./kubelet.ts";
import { ObjectStore } from "./object_store.ts";
import type { PodRunner } from "./pod_runner.ts";
import type { KubeObject } from "./resources.ts";

/** Between two looks of controller and kubelets at what there is. */
const STEP_MS = 15;

export interface ClusterOptions {
  /** Of the API server; default v1.31.2. */
  readonly version?: string;
  readonly objects: readonly KubeObject[];
  readonly runner: PodRunner;
  /** A ClusterIP for a new Service; default the next one. */
  readonly addressOf?: (service: KubeObject) => string | undefined;
  /** What may not be done: `create daemonsets`. */
  readonly forbidden?: readonly string[];
  /** `clusterDNS` of all kubelets; without it nobody may ask them. */
  readonly kubeletDns?: readonly string[];
}

export class FakeCluster {
  readonly store = new ObjectStore();
  readonly #controller: DaemonSetController;
  readonly #kubelet: Kubelet;
  #server: ApiServer | null = null;
  #isStopped = false;
  #loop: Promise<void> = Promise.resolve();

  private constructor({ objects, runner, addressOf }: ClusterOptions) {
    if (addressOf !== undefined) this.store.addressOf = addressOf;
    for (const object of objects) {
      if (this.store.create(object) === null) throw new Error(`Twice: ${object.metadata.name}`);
    }
    this.#controller = new DaemonSetController(this.store);
    this.#kubelet = new Kubelet(this.store, runner);
  }

  /** Runs until the test ends. */
  static async start(context: Ending, options: ClusterOptions): Promise<FakeCluster> {
    const cluster = new FakeCluster(options);
    cluster.#server = await ApiServer.start(cluster.#parts(options));
    cluster.#loop = cluster.#run();
    cleanUp(context, () => cluster.stop());
    return cluster;
  }

  get server(): ApiServer {
    return this.#server as ApiServer;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
    await this.#kubelet.stop();
    await this.server.stop();
  }

  #parts({ version = "v1.31.2", forbidden = [], kubeletDns }: ClusterOptions): ServerParts {
    return {
      ...{ store: this.store, version },
      logs: (pod, container) => this.#kubelet.logs(pod, container),
      exec: (pod, words) => this.#kubelet.exec(pod, words),
      remove: (object, how) => this.#remove(object, how),
      isAllowed: (verb, resource) => !forbidden.includes(`${verb} ${resource}`),
      kubeletConfig: () => (kubeletDns === undefined ? null : { clusterDNS: kubeletDns }),
    };
  }

  /** Pods have a time in which they may end; all others are gone at once. */
  #remove(object: KubeObject, { gracePeriodSeconds }: DeleteOptions): boolean {
    if (object.kind !== "Pod" || gracePeriodSeconds === 0) return true;
    this.#controller.end(object);
    return false;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#controller.step();
      await this.#kubelet.step();
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
  }
}

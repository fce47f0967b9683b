/**
 * A cluster to play with: nodes are laboratories of tests/netns, the API server is the fake one,
 * and pods of nodens are containers of the image. The Services are those that the laboratory's
 * kube-proxy has rules for.
 */

import { unpackedImage } from "../../container/support/image.ts";
import { createLab, type Lab } from "../../netns/support/lab.ts";
import { UPSTREAM_IP } from "../../netns/support/places.ts";
import type { Ending } from "../../support/clean_up.ts";
import { until } from "../../support/until.ts";
import { ContainerRunner, type RunnerParts } from "./container_runner.ts";
import { isReady } from "./daemon_sets.ts";
import { FakeCluster } from "./fake_cluster.ts";
import { NodeCacheRunner } from "./node_cache_runner.ts";
import { clusterObjects, olderAgent } from "./objects.ts";

/** Whatever an image is called, it is this checkout's; what counts is that names differ. */
export const IMAGES = ["nodens:0.1.0", "nodens:0.2.0"] as const;
const NODE_CACHE = "node-local-dns";
const COREFILE = `.:53 {
    errors
    cache 30
    bind 169.254.20.10 10.96.0.10
    forward . __PILLAR__CLUSTER__DNS__
    prometheus :9253
}
`;
const START_MS_MAX = 30_000;
const NODE_NAMES = ["node-a", "node-b"] as const;
/** Services whose addresses kube-proxy's rules know beforehand. */
const ADDRESSES: Readonly<Record<string, string>> = { "nodens-upstream": UPSTREAM_IP[4] };

export interface PlayCluster {
  readonly cluster: FakeCluster;
  /** By the name of the node. */
  readonly labs: ReadonlyMap<string, Lab>;
  /** Of the cluster without anybody's agent; as `ObjectStore.names` has them. */
  readonly objectsBefore: readonly string[];
  /** Kills nodens on a node, where nobody starts it again. */
  killOn(node: string): void;
  /** Installs it, and waits until it is ready on every node. */
  addNodeCache(localIps: string): Promise<void>;
  /** Deletes its objects, and waits until its pods have ended. */
  removeNodeCache(): Promise<void>;
}

export async function createPlayCluster(context: Ending): Promise<PlayCluster> {
  const labs = new Map<string, Lab>();
  for (const name of NODE_NAMES) labs.set(name, await createLab(context));
  const rootfs = await unpackedImage();
  const images = Object.fromEntries(IMAGES.map((name) => [name, rootfs]));
  const parts: RunnerParts = { context, labs, images, store: null };
  const [nodens, nodeCache] = [new ContainerRunner(parts), new NodeCacheRunner(labs)];
  const cluster = await FakeCluster.start(context, {
    objects: [...clusterObjects({ nodes: NODE_NAMES })],
    runner: {
      start: (pod, node) => {
        const isNodeCache = pod.metadata.labels?.["k8s-app"] === "node-local-dns";
        return (isNodeCache ? nodeCache : nodens).start(pod, node);
      },
    },
    addressOf: ({ metadata }) => ADDRESSES[metadata.name],
  });
  const { store } = cluster;
  parts.store = store;
  const pods = () =>
    store.list("Pod").filter(({ metadata }) => metadata.name.startsWith(NODE_CACHE));
  return {
    ...{ cluster, labs, objectsBefore: store.names() },
    killOn: (node) => nodens.killOn(node),
    async addNodeCache(localIps) {
      for (const object of olderAgent(NODE_CACHE, localIps, COREFILE)) store.create(object);
      const isUp = () => pods().filter(isReady).length === NODE_NAMES.length;
      await until("node-cache is ready on every node", isUp, START_MS_MAX);
    },
    async removeNodeCache() {
      for (const kind of ["DaemonSet", "ConfigMap"]) {
        const object = store.get(kind, NODE_CACHE);
        if (object !== null) store.remove(object);
      }
      await until("node-cache has ended", () => pods().length === 0, START_MS_MAX);
    },
  };
}

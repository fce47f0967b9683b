/**
 * A cluster to play with: nodes are laboratories of tests/netns, the API server is the fake one, and
 * pods of nodens are containers of the image. The Services are those that the laboratory's kube-proxy
 * has rules for.
 */

import { unpackedImage } from "../../container/support/image.ts";
import { createLab, type Lab } from "../../netns/support/lab.ts";
import { UPSTREAM_IP } from "../../netns/support/places.ts";
import type { Ending } from "../../support/clean_up.ts";
import { ContainerRunner, type RunnerParts } from "./container_runner.ts";
import { FakeCluster } from "./fake_cluster.ts";
import { NodeCacheRunner } from "./node_cache_runner.ts";
import { clusterObjects } from "./objects.ts";
import type { KubeObject } from "./resources.ts";

/** Whatever an image is called, it is this checkout's; what counts is that names differ. */
export const IMAGES = ["nodens:0.1.0", "nodens:0.2.0"] as const;
const NODE_NAMES = ["node-a", "node-b"] as const;
/** Services whose addresses kube-proxy's rules know beforehand. */
const ADDRESSES: Readonly<Record<string, string>> = { "nodens-upstream": UPSTREAM_IP[4] };

export interface PlayCluster {
  readonly cluster: FakeCluster;
  /** By the name of the node. */
  readonly labs: ReadonlyMap<string, Lab>;
}

/** @param objects that are there beside nodes and kube-dns. */
export async function createPlayCluster(
  context: Ending,
  objects: readonly KubeObject[] = [],
): Promise<PlayCluster> {
  const labs = new Map<string, Lab>();
  for (const name of NODE_NAMES) labs.set(name, await createLab(context));
  const rootfs = await unpackedImage();
  const images = Object.fromEntries(IMAGES.map((name) => [name, rootfs]));
  const parts: RunnerParts = { context, labs, images, store: null };
  const [nodens, nodeCache] = [new ContainerRunner(parts), new NodeCacheRunner(labs)];
  const cluster = await FakeCluster.start(context, {
    objects: [...clusterObjects({ nodes: NODE_NAMES }), ...objects],
    runner: {
      start: (pod, node) => {
        const isNodeCache = pod.metadata.labels?.["k8s-app"] === "node-local-dns";
        return (isNodeCache ? nodeCache : nodens).start(pod, node);
      },
    },
    addressOf: ({ metadata }) => ADDRESSES[metadata.name],
  });
  parts.store = cluster.store;
  return { cluster, labs };
}

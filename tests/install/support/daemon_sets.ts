/**
 * The DaemonSet controller, on paper: revisions, one pod per node, rolling updates with maxSurge or
 * maxUnavailable, status, and the end of pods whose DaemonSet is gone. It does what the real one
 * does where install.sh could notice; `step` is one look at everything.
 */

import { createHash } from "node:crypto";
import type { ObjectStore } from "./object_store.ts";
import type { Fields, KubeObject } from "./resources.ts";

const HASH_LABEL = "controller-revision-hash";

interface DaemonSetSpec {
  readonly selector: { readonly matchLabels: Record<string, string> };
  readonly minReadySeconds?: number;
  readonly template: {
    readonly metadata: { readonly labels: Record<string, string> };
    readonly spec: Fields;
  };
  readonly updateStrategy?: {
    readonly type?: string;
    readonly rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string };
  };
}

/** The pods of one node: of the newest revision, and older ones. */
interface NodePods {
  readonly node: KubeObject;
  readonly updated: readonly KubeObject[];
  readonly old: readonly KubeObject[];
}

export class DaemonSetController {
  readonly #store: ObjectStore;
  #count = 0;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  step(): void {
    const sets = this.#store.list("DaemonSet");
    const owners = new Set(sets.map(({ metadata }) => metadata.uid));
    for (const kind of ["Pod", "ControllerRevision"]) {
      for (const object of this.#store.list(kind)) {
        const [owner] = object.metadata.ownerReferences ?? [];
        if (owner === undefined || owners.has(owner.uid)) continue;
        if (kind === "Pod") this.end(object);
        else this.#store.remove(object);
      }
    }
    for (const set of sets) this.#sync(set);
  }

  /** Asks for the end of a pod, as a delete request does; the kubelet does the rest. */
  end(pod: KubeObject): void {
    if (pod.metadata.deletionTimestamp !== undefined) return;
    const deletionTimestamp = "2026-11-25T08:00:30Z";
    this.#store.replace({ ...pod, metadata: { ...pod.metadata, deletionTimestamp } });
  }

  #sync(set: KubeObject): void {
    const spec = set.spec as unknown as DaemonSetSpec;
    const hash = this.#revise(set, spec);
    const nodes = this.#store.list("Node").filter((node) => isWanted(node, spec));
    const pods = this.#podsOf(set);
    const places = nodes.map((node): NodePods => {
      const here = pods.filter((pod) => pod.spec?.["nodeName"] === node.metadata.name);
      const isUpdated = (pod: KubeObject) => pod.metadata.labels?.[HASH_LABEL] === hash;
      return { node, updated: here.filter(isUpdated), old: here.filter((pod) => !isUpdated(pod)) };
    });
    this.#roll(set, places, hash);
    const updated = places.flatMap((place) => place.updated);
    const ready = pods.filter(isReady).length;
    this.#store.setStatus(set, {
      observedGeneration: set.metadata.generation,
      desiredNumberScheduled: nodes.length,
      currentNumberScheduled: places.filter(({ updated, old }) => updated.length + old.length > 0)
        .length,
      updatedNumberScheduled: updated.length,
      ...{ numberReady: ready, numberAvailable: ready, numberMisscheduled: 0 },
    });
  }

  #roll(set: KubeObject, places: readonly NodePods[], hash: string): void {
    const { updateStrategy } = set.spec as unknown as DaemonSetSpec;
    const limits = updateStrategy?.rollingUpdate ?? {};
    const surgeMax = share(limits.maxSurge ?? 0, places.length);
    const unavailableMax = share(limits.maxUnavailable ?? 1, places.length);
    let surging = places.filter(({ updated, old }) => updated.length > 0 && old.length > 0).length;
    let unavailable = places.filter(
      ({ updated, old }) => ![...updated, ...old].some(isReady),
    ).length;
    for (const { node, updated, old } of places) {
      const living = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      if (updated.length > 0) {
        if (updated.some(isReady)) for (const pod of living) this.end(pod);
      } else if (old.length === 0) {
        this.#create(set, node, hash);
      } else if (updateStrategy?.type === "OnDelete" || living.length === 0) {
        // Its end is awaited.
      } else if (surgeMax > 0) {
        if (surging < surgeMax) {
          this.#create(set, node, hash);
          surging++;
        }
      } else if (!living.some(isReady)) {
        for (const pod of living) this.end(pod);
      } else if (unavailable < unavailableMax) {
        for (const pod of living) this.end(pod);
        unavailable++;
      }
    }
  }

  /** Notes the template as the newest revision, and returns its hash. */
  #revise(set: KubeObject, { template }: DaemonSetSpec): string {
    const hash = createHash("sha256").update(JSON.stringify(template)).digest("hex").slice(0, 10);
    const name = `${set.metadata.name}-${hash}`;
    const all = this.#store
      .list("ControllerRevision")
      .filter((one) => one.metadata.ownerReferences?.[0]?.uid === set.metadata.uid);
    const newest = Math.max(0, ...all.map((one) => Number(one["revision"])));
    const known = all.find((one) => one.metadata.name === name);
    if (known === undefined) {
      this.#store.create({
        ...{ apiVersion: "apps/v1", kind: "ControllerRevision" },
        metadata: {
          name,
          ...ownedBy(set),
          labels: { ...template.metadata.labels, [HASH_LABEL]: hash },
        },
        data: { spec: { template: { ...template, $patch: "replace" } } } as never,
        revision: newest + 1,
      });
    } else if (known["revision"] !== newest) {
      this.#store.replace({ ...known, revision: newest + 1 });
    }
    return hash;
  }

  #create(set: KubeObject, node: KubeObject, hash: string): void {
    const { template } = set.spec as unknown as DaemonSetSpec;
    const name = `${set.metadata.name}-${(++this.#count).toString(36).padStart(5, "x")}`;
    this.#store.create({
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: {
        name,
        ...ownedBy(set),
        labels: { ...template.metadata.labels, [HASH_LABEL]: hash },
      },
      spec: { ...structuredClone(template.spec), nodeName: node.metadata.name },
      status: { phase: "Pending" },
    });
  }

  #podsOf(set: KubeObject): KubeObject[] {
    return this.#store
      .list("Pod")
      .filter((pod) => pod.metadata.ownerReferences?.[0]?.uid === set.metadata.uid);
  }
}

export function isReady(pod: KubeObject): boolean {
  const conditions = (pod.status?.["conditions"] ?? []) as { type: string; status: string }[];
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

function ownedBy({ kind, metadata: { name, namespace, uid } }: KubeObject) {
  const owner = { apiVersion: "apps/v1", kind, name, uid: uid as string, controller: true };
  return { namespace: namespace as string, ownerReferences: [owner] };
}

function isWanted(node: KubeObject, { template }: DaemonSetSpec): boolean {
  const selector = (template.spec["nodeSelector"] ?? {}) as Record<string, string>;
  return Object.entries(selector).every(([key, value]) => node.metadata.labels?.[key] === value);
}

/** `10%` of `count`, rounded up, or the number itself. */
function share(limit: number | string, count: number): number {
  return typeof limit === "number" ? limit : Math.ceil((Number.parseInt(limit, 10) * count) / 100);
}

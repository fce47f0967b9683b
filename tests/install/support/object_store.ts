/** The objects of the fake API server; owns them, and tells who watches. */

import { randomUUID } from "node:crypto";
import { type KubeObject, type Resource, resourceOf } from "./resources.ts";

export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubeObject;
}

type Watcher = (change: Change) => void;

export class ObjectStore {
  readonly #objects = new Map<string, KubeObject>();
  readonly #watchers = new Set<Watcher>();
  /** A ClusterIP for a Service that names none; by default the next one. */
  addressOf: (service: KubeObject) => string | undefined = () => undefined;
  #version = 1000;
  #address = 10;

  /** The version of the newest change, as lists have it. */
  get version(): string {
    return String(this.#version);
  }

  get(kind: string, name: string, namespace = "kube-system"): KubeObject | null {
    return this.#objects.get(keyOf(resourceOf(kind), name, namespace)) ?? null;
  }

  list(kind: string): KubeObject[] {
    const { plural } = resourceOf(kind);
    return [...this.#objects]
      .filter(([key]) => key.startsWith(`${plural}/`))
      .map(([, object]) => object);
  }

  /** All objects, as `Service kube-dns`. */
  names(): string[] {
    return [...this.#objects.values()].map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  }

  /** Null if there is one of that name. */
  create(object: KubeObject): KubeObject | null {
    const resource = resourceOf(object.kind);
    const { metadata } = object;
    const namespace = resource.isNamespaced ? (metadata.namespace ?? "default") : undefined;
    const key = keyOf(resource, metadata.name, namespace);
    if (this.#objects.has(key)) return null;
    const created = structuredClone(object);
    Object.assign(created.metadata, {
      ...(namespace === undefined ? {} : { namespace }),
      ...{ uid: randomUUID(), generation: 1, creationTimestamp: "2026-11-25T08:00:00Z" },
    });
    if (created.kind === "Service") this.#giveAddress(created);
    return this.#put(key, created, "ADDED");
  }

  /** Puts `object` in the place of that of its name; nothing happens if they are the same. */
  replace(object: KubeObject): KubeObject {
    const key = keyOf(resourceOf(object.kind), object.metadata.name, object.metadata.namespace);
    const before = this.#objects.get(key);
    if (before === undefined) throw new Error(`There is no ${key}`);
    const after = structuredClone(object);
    if (JSON.stringify(before) === JSON.stringify(after)) return before;
    if (JSON.stringify(before.spec) !== JSON.stringify(after.spec)) {
      after.metadata.generation = (before.metadata.generation ?? 0) + 1;
    }
    return this.#put(key, after, "MODIFIED");
  }

  /** Changes the status alone, as a controller does; nothing happens if it is the same. */
  setStatus(object: KubeObject, status: Record<string, unknown>): void {
    const { kind, metadata } = object;
    const now = this.get(kind, metadata.name, metadata.namespace);
    if (now !== null) this.replace({ ...now, status });
  }

  remove(object: KubeObject): void {
    const { kind, metadata } = object;
    const key = keyOf(resourceOf(kind), metadata.name, metadata.namespace);
    if (!this.#objects.delete(key)) return;
    this.#version++;
    this.#tell({ type: "DELETED", object });
  }

  /** @returns what ends it. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #put(key: string, object: KubeObject, type: Change["type"]): KubeObject {
    object.metadata.resourceVersion = String(++this.#version);
    this.#objects.set(key, object);
    this.#tell({ type, object });
    return object;
  }

  #tell(change: Change): void {
    for (const watcher of this.#watchers) watcher(change);
  }

  #giveAddress(service: KubeObject): void {
    service.spec ??= {};
    const { spec } = service;
    spec["clusterIP"] ??= this.addressOf(service) ?? `10.96.100.${this.#address++}`;
    spec["clusterIPs"] ??= [spec["clusterIP"]];
  }
}

function keyOf({ plural, isNamespaced }: Resource, name: string, namespace = "default"): string {
  return isNamespaced ? `${plural}/${namespace}/${name}` : `${plural}/${name}`;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf, Snapshot } from "./snapshot.ts";
import { type ConfigSource, memorySource } from "./source.ts";

/** A mounted ConfigMap with two versions; `current` is what `..data` leads to. */
function configMap(): { source: ConfigSource; swap(): void; remove(version: string): void } {
  let current = "..v1";
  const removed = new Set<string>();
  const files: Record<string, string> = {
    "/map/..v1/a": "a of v1",
    "/map/..v1/b": "b of v1",
    "/map/..v2/a": "a of v2",
    "/map/..v2/b": "b of v2",
    "/map/beside": "no part of it",
    "/plain/file": "plain",
  };
  const memory = memorySource(files);
  const source: ConfigSource = {
    ...memory,
    readFile(path) {
      const link = /^\/map\/([ab])$/.exec(path);
      const real = link === null ? path : `/map/${current}/${link[1]}`;
      const version = /^\/map\/([^/]+)\/./.exec(real)?.[1] ?? "";
      if (removed.has(version)) throw new Error("no such file");
      return memory.readFile(real);
    },
    listDirectory(path) {
      if (path !== "/map") return memory.listDirectory(path);
      return ["..data", "..v1", "..v2", "a", "b", "beside"];
    },
    dataLink: (directory) => (directory === "/map" ? current : null),
  };
  return {
    source,
    swap() {
      current = "..v2";
    },
    remove: (version) => removed.add(version),
  };
}

test("Snapshot reads all files of a ConfigMap from one version, whatever happens meanwhile", () => {
  const { source, swap } = configMap();
  const snapshot = new Snapshot(source);
  assert.equal(snapshot.readFile("/map/a"), "a of v1");
  assert.equal(snapshot.isConsistent(), true);
  swap();
  assert.equal(snapshot.readFile("/map/b"), "b of v1");
  assert.equal(snapshot.isConsistent(), false);
  assert.equal(new Snapshot(source).readFile("/map/b"), "b of v2");
});

test("Snapshot tells that a version was removed under it", () => {
  const { source, swap, remove } = configMap();
  const snapshot = new Snapshot(source);
  snapshot.readFile("/map/a");
  swap();
  remove("..v1");
  assert.equal(snapshot.readFile("/map/b"), "b of v2");
  assert.equal(snapshot.isConsistent(), false);
});

test("Snapshot reads what is beside a ConfigMap's files, and lists no names of the kubelet", () => {
  const snapshot = new Snapshot(configMap().source);
  assert.equal(snapshot.readFile("/map/beside"), "no part of it");
  assert.deepEqual(snapshot.listDirectory("/map"), ["a", "b"]);
  assert.deepEqual(snapshot.listDirectory("/plain"), ["file"]);
});

test("Snapshot remembers the paths that it was asked for", () => {
  const snapshot = new Snapshot(configMap().source);
  snapshot.readFile("/plain/file");
  assert.throws(() => snapshot.readFile("/plain/none"), /^Error: no such file$/);
  snapshot.listDirectory("/plain");
  assert.deepEqual(snapshot.paths, {
    files: ["/plain/file", "/plain/none"],
    directories: ["/plain"],
  });
});

test("digestOf() is the snapshot's until contents change", () => {
  const { source, swap } = configMap();
  const snapshot = new Snapshot(source);
  for (const path of ["/map/a", "/plain/file"]) snapshot.readFile(path);
  assert.throws(() => snapshot.readFile("/plain/none"));
  snapshot.listDirectory("/plain");
  assert.equal(digestOf(snapshot.paths, source), snapshot.digest());
  swap();
  assert.notEqual(digestOf(snapshot.paths, source), snapshot.digest());
});

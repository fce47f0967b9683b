import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../tests/support/until.ts";
import { Snapshot } from "./snapshot.ts";
import { systemSource } from "./source.ts";
import { watchPaths } from "./watch_paths.ts";

/** A mounted ConfigMap, as the kubelet makes it and swaps it. */
class ConfigMap {
  readonly folder: string;
  #version = 0;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  swap(files: Readonly<Record<string, string>>): void {
    const old = `..v${this.#version}`;
    this.#version += 1;
    const version = `..v${this.#version}`;
    mkdirSync(join(this.folder, version));
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(this.folder, version, name), text);
    }
    symlinkSync(version, join(this.folder, "..data_tmp"));
    renameSync(join(this.folder, "..data_tmp"), join(this.folder, "..data"));
    for (const name of Object.keys(files)) {
      rmSync(join(this.folder, name), { force: true });
      symlinkSync(`..data/${name}`, join(this.folder, name));
    }
    rmSync(join(this.folder, old), { recursive: true, force: true });
  }
}

/** What the owner of a configuration does: reads, and reads again after a change. */
class Owner {
  readonly #paths: readonly string[];
  readonly #directories: readonly string[];
  #snapshot = new Snapshot(systemSource);
  #seen: readonly (string | null)[] = [];
  changes = 0;

  constructor(paths: readonly string[], directories: readonly string[] = []) {
    this.#paths = paths;
    this.#directories = directories;
    this.read();
  }

  read(): void {
    const snapshot = new Snapshot(systemSource);
    for (const directory of this.#directories) snapshot.listDirectory(directory);
    this.#seen = this.#paths.map((path) => {
      try {
        return snapshot.readFile(path);
      } catch {
        return null;
      }
    });
    this.#snapshot = snapshot;
    this.#watched = snapshot.paths;
  }

  #watched = this.#snapshot.paths;

  /** Reads on every change unless `isDeaf`. */
  watch(context: TestContext, { isNotified = true, isDeaf = false } = {}): void {
    const watch = watchPaths({
      paths: () => this.#watched,
      digest: () => this.#snapshot.digest(),
      source: systemSource,
      isNotified,
      onChange: () => {
        this.changes += 1;
        if (!isDeaf) this.read();
      },
    });
    context.after(() => watch.stop());
  }

  async sees(...texts: readonly (string | null)[]): Promise<void> {
    const wanted = texts.join();
    await until(`the owner sees ${wanted}`, () => this.#seen.join() === wanted);
  }
}

function directory(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "nodens-watch-"));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

for (const isNotified of [true, false]) {
  const how = isNotified ? "by the kernel" : "by looking";

  test(`watchPaths() notices a swap of ..data ${how}, once per change`, async (context) => {
    const map = new ConfigMap(join(directory(context), "map"));
    map.swap({ a: "1", b: "1" });
    const owner = new Owner([join(map.folder, "a"), join(map.folder, "b")]);
    owner.watch(context, { isNotified });
    for (const text of ["2", "3"]) {
      map.swap({ a: text, b: text });
      await owner.sees(text, text);
    }
    // The same contents anew are no change.
    map.swap({ a: "3", b: "3" });
    map.swap({ a: "3", b: "4" });
    await owner.sees("3", "4");
    assert.equal(owner.changes, 3);
  });

  test(`watchPaths() outlives the end and the return of files and folders ${how}`, async (context) => {
    const folder = join(directory(context), "a", "b");
    const path = join(folder, "Corefile");
    const owner = new Owner([path]);
    owner.watch(context, { isNotified });
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, "1");
    await owner.sees("1");
    unlinkSync(path);
    await owner.sees(null);
    writeFileSync(path, "2");
    await owner.sees("2");
    rmSync(join(folder, ".."), { recursive: true });
    await owner.sees(null);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, "3");
    await owner.sees("3");
    writeFileSync(`${path}.new`, "4");
    renameSync(`${path}.new`, path);
    await owner.sees("4");
  });
}

test("watchPaths() notices names in a directory that a pattern was looked up in", async (context) => {
  const folder = directory(context);
  const owner = new Owner([], [folder]);
  owner.watch(context);
  writeFileSync(join(folder, "new.server"), "");
  await until("it is noticed", () => owner.changes === 1);
});

test("watchPaths() does not report again what nobody has read, until it changes", async (context) => {
  const folder = directory(context);
  const [path, other] = [join(folder, "a"), join(folder, "b")];
  writeFileSync(path, "1");
  const deaf = new Owner([path]);
  deaf.watch(context, { isDeaf: true });
  const owner = new Owner([path, other]);
  owner.watch(context);
  writeFileSync(path, "2");
  await until("it is reported", () => deaf.changes === 1);
  // Another file, by which time the first watch has looked again too.
  for (const text of ["1", "2", "3"]) {
    writeFileSync(other, text);
    await owner.sees("2", text);
  }
  assert.equal(deaf.changes, 1);
  writeFileSync(path, "3");
  await until("it is reported again", () => deaf.changes === 2);
});

test("watchPaths() notices what changed between the reading and the watch", async (context) => {
  const path = join(directory(context), "a");
  const owner = new Owner([path]);
  writeFileSync(path, "1");
  owner.watch(context);
  await owner.sees("1");
});

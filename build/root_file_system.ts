/** The image's root file system while it is put together: every file has an owner, a package. */

import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix } from "node:path";

/** Owner of what belongs to no package: folders, and links that Debian's installer would make. */
export const LAYOUT = "layout";

export interface Entry {
  /** From the root, without a slash before it. */
  readonly path: string;
  readonly kind: "file" | "link" | "folder";
  /** A Debian package, `nodens` or `layout`. */
  readonly owner: string;
  /** Of a file; 0 for all else. */
  readonly bytes: number;
}

/** Names at the root that Debian has merged into /usr; packages still have files under both. */
const MERGED = ["bin", "sbin", "lib", "lib64"];

export class RootFileSystem {
  readonly folder: string;
  readonly #entries = new Map<string, Entry>();

  /** Begins with an empty folder. */
  constructor(folder: string) {
    this.folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
  }

  /** In the order of paths. */
  get entries(): Entry[] {
    return [...this.#entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  has(path: string): boolean {
    return this.#entries.has(merged(path));
  }

  addFolder(path: string, mode = 0o755): void {
    if (path === "." || this.#entries.has(path)) return;
    this.addFolder(dirname(path));
    mkdirSync(join(this.folder, path));
    chmodSync(join(this.folder, path), mode);
    this.#entries.set(path, { path, kind: "folder", owner: LAYOUT, bytes: 0 });
  }

  /** Where a path leads that is one by the old names, too: /bin is /usr/bin. */
  addMergedFolders(names: readonly string[] = MERGED): void {
    for (const name of names) {
      this.addFolder(`usr/${name}`);
      this.#link(name, `usr/${name}`, LAYOUT);
    }
  }

  addText(path: string, text: string, owner: string): void {
    const to = this.#place(path);
    writeFileSync(to.file, text);
    this.#noteFile(to, { owner, mode: 0o644 });
  }

  /** Copies a file, or a link with where it leads to in the same package. */
  addFile(path: string, source: string, owner: string): void {
    if (this.has(path)) return;
    const target = linkTarget(source);
    if (target !== null) {
      this.addLink(path, target, owner);
      return;
    }
    const to = this.#place(path);
    copyFileSync(source, to.file);
    this.#noteFile(to, { owner, mode: (statSync(source).mode & 0o111) === 0 ? 0o644 : 0o755 });
  }

  addLink(path: string, target: string, owner: string): void {
    this.#link(this.#place(path).path, target, owner);
  }

  #link(path: string, target: string, owner: string): void {
    symlinkSync(target, join(this.folder, path));
    this.#entries.set(path, { path, kind: "link", owner, bytes: 0 });
  }

  #place(path: string): { readonly path: string; readonly file: string } {
    const place = merged(path);
    if (this.#entries.has(place)) throw new Error(`Cannot add /${place} twice to the image`);
    this.addFolder(dirname(place));
    return { path: place, file: join(this.folder, place) };
  }

  #noteFile(
    { path, file }: { readonly path: string; readonly file: string },
    { owner, mode }: { readonly owner: string; readonly mode: number },
  ): void {
    chmodSync(file, mode);
    this.#entries.set(path, { path, kind: "file", owner, bytes: statSync(file).size });
  }
}

/** The path under /usr of one that has been merged into it. */
export function merged(path: string): string {
  const normal = posix.normalize(path).replace(/^\//, "");
  return MERGED.includes(normal.split("/")[0] ?? "") ? `usr/${normal}` : normal;
}

/** Where a link leads, as it says; `null` for any other file. */
export function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EINVAL") return null;
    throw error;
  }
}

/**
 * Says when the contents of files have changed.
 *
 * The kernel reports changes of directories (inotify) where it can, and everything is looked at
 * once a second besides: a watch is lost when its directory is replaced, there may be none left
 * (ENOSPC), and none works on some network file systems. What counts is contents alone.
 */

import { type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { digestOf, type WatchedPaths } from "./snapshot.ts";
import { type ConfigSource, DATA_LINK } from "./source.ts";

const POLL_MS = 900;
/** Writers write in pieces, and the kubelet makes links after it has swapped `..data`. */
const SETTLE_MS = 100;

export interface WatchOptions {
  /** What the last reading saw; another object after another reading. */
  readonly paths: () => WatchedPaths;
  /** Digest of what the last reading saw. */
  readonly digest: () => string;
  readonly source: ConfigSource;
  readonly onChange: () => void;
  /** False is as where the kernel has no watches left; for tests. @default {true} */
  readonly isNotified?: boolean;
}

export function watchPaths(options: WatchOptions): { stop(): void } {
  const watch = new PathWatch(options);
  return { stop: () => watch.stop() };
}

class PathWatch {
  readonly #options: WatchOptions;
  readonly #poll: NodeJS.Timeout;
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: number }>();
  #settling: NodeJS.Timeout | null = null;
  #paths: WatchedPaths | null = null;
  /** Looks of all files when their contents were last compared; null is "compare anyhow". */
  #looks: string | null = null;
  /** Digest that `onChange` was called for, until the next reading. */
  #reported: string | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#poll = setInterval(() => this.#look(), POLL_MS);
    this.#poll.unref();
    this.#look();
  }

  stop(): void {
    clearInterval(this.#poll);
    if (this.#settling !== null) clearTimeout(this.#settling);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Cheap while nothing happens: some `stat` calls. */
  #look(): void {
    const { source, onChange } = this.#options;
    const paths = this.#options.paths();
    if (paths !== this.#paths) {
      this.#paths = paths;
      this.#looks = null;
      this.#reported = null;
    }
    this.#watchDirectories(paths);
    const looks = looksOf(paths, source);
    if (looks === this.#looks) return;
    this.#looks = looks;
    const digest = digestOf(paths, source);
    if (digest === this.#options.digest()) {
      this.#reported = null;
    } else if (digest !== this.#reported) {
      this.#reported = digest;
      onChange();
    }
  }

  #lookSoon(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = null;
      this.#look();
    }, SETTLE_MS).unref();
  }

  #watchDirectories(paths: WatchedPaths): void {
    if (this.#options.isNotified === false) return;
    const wanted = new Set([...paths.files.map((path) => dirname(path)), ...paths.directories]);
    for (const [directory, { watcher, inode }] of this.#watchers) {
      if (wanted.has(directory) && inodeOf(directory) === inode) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of wanted) {
      if (!this.#watchers.has(directory)) this.#watchDirectory(directory);
    }
  }

  #watchDirectory(directory: string): void {
    const inode = inodeOf(directory);
    if (inode === null) return;
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) => {
        if (this.#matters(directory, name)) this.#lookSoon();
      });
      watcher.on("error", () => watcher.close());
      this.#watchers.set(directory, { watcher, inode });
    } catch {
      // No watches left: looking once a second has to do.
    }
  }

  /** In a busy directory most changes are none of ours. */
  #matters(directory: string, name: string | null): boolean {
    const paths = this.#paths;
    if (paths === null || name === null || name === DATA_LINK) return true;
    if (paths.directories.includes(directory)) return true;
    return paths.files.some((path) => dirname(path) === directory && basename(path) === name);
  }
}

/** What changes with every change of contents, and sometimes without. */
function looksOf({ files, directories }: WatchedPaths, source: ConfigSource): string {
  const looks = [...files, ...directories].map((path) => {
    const status = statSync(path, { throwIfNoEntry: false });
    const link = source.dataLink?.(dirname(path)) ?? "";
    if (status === undefined) return link;
    return `${link} ${status.dev} ${status.ino} ${status.size} ${status.mtimeMs} ${status.ctimeMs}`;
  });
  return looks.join("\n");
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

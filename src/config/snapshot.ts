/**
 * One reading of the configuration: files as they were at one moment, and which they were.
 *
 * A mounted ConfigMap changes when the kubelet swaps the link `..data`. The link of a directory is
 * followed once per reading, so that all files come from the same version; `isConsistent` says at
 * the end whether it is still the current one. What was read is remembered, for the watch.
 */

import { createHash } from "node:crypto";
import { dirname, join, relative } from "node:path";
import { type ConfigSource, DATA_LINK, STANDARD_INPUT } from "./source.ts";

/** Paths that a configuration came from, missing ones included. */
export interface WatchedPaths {
  readonly files: readonly string[];
  /** Those whose names count, because a pattern was looked up in them. */
  readonly directories: readonly string[];
}

export class Snapshot implements ConfigSource {
  readonly #source: ConfigSource;
  /** Where `..data` led when a directory was first met. */
  readonly #links = new Map<string, string | null>();
  readonly #files = new Map<string, FileState>();
  readonly #directories = new Map<string, readonly string[]>();

  constructor(source: ConfigSource) {
    this.#source = source;
  }

  readFile(path: string): string {
    const known = this.#files.get(path);
    const state = known ?? stateOf(() => this.#readNow(path));
    // Standard input cannot be looked at again.
    if (path !== STANDARD_INPUT) this.#files.set(path, state);
    if (state.text === null) throw new Error(state.problem);
    return state.text;
  }

  listDirectory(path: string): readonly string[] {
    const link = this.#linkOf(path);
    let names = link === null ? [] : this.#source.listDirectory(join(path, link));
    if (names.length === 0) names = this.#source.listDirectory(path);
    const visible = names.filter(isVisible);
    this.#directories.set(path, visible);
    return visible;
  }

  environment(name: string): string | undefined {
    return this.#source.environment(name);
  }

  interfaces(): ReturnType<ConfigSource["interfaces"]> {
    return this.#source.interfaces();
  }

  /** Whether no ConfigMap that was read has been swapped since. */
  isConsistent(): boolean {
    for (const [directory, link] of this.#links) {
      if (this.#source.dataLink?.(directory) !== link) return false;
    }
    return true;
  }

  get paths(): WatchedPaths {
    return { files: [...this.#files.keys()], directories: [...this.#directories.keys()] };
  }

  /** The same as `digestOf(paths, source)`, of what was read. */
  digest(): string {
    return hash([...this.#files], [...this.#directories]);
  }

  #readNow(path: string): string {
    for (let directory = dirname(path); ; directory = dirname(directory)) {
      const link = this.#linkOf(directory);
      if (link !== null) {
        try {
          return this.#source.readFile(join(directory, link, relative(directory, path)));
        } catch {
          // No file of the ConfigMap, or an old version that is gone: `isConsistent` will tell.
        }
      }
      if (directory === dirname(directory)) return this.#source.readFile(path);
    }
  }

  #linkOf(directory: string): string | null {
    if (this.#source.dataLink === undefined) return null;
    const known = this.#links.get(directory);
    if (known !== undefined) return known;
    const link = this.#source.dataLink(directory);
    this.#links.set(directory, link);
    return link;
  }
}

/** A short text that changes with the contents of these paths, and only with them. */
export function digestOf({ files, directories }: WatchedPaths, source: ConfigSource): string {
  return hash(
    files.map((path) => [path, stateOf(() => source.readFile(path))]),
    directories.map((path) => [path, source.listDirectory(path).filter(isVisible)]),
  );
}

interface FileState {
  /** `null` when it could not be read. */
  readonly text: string | null;
  readonly problem: string;
}

function stateOf(read: () => string): FileState {
  try {
    return { text: read(), problem: "" };
  } catch (error) {
    return { text: null, problem: (error as Error).message };
  }
}

/** The kubelet's own names begin so: `..data`, `..2026_01_01_00_00_00.123`. */
function isVisible(name: string): boolean {
  return !name.startsWith(DATA_LINK.slice(0, 2));
}

function hash(
  files: readonly (readonly [string, FileState])[],
  directories: readonly (readonly [string, readonly string[]])[],
): string {
  return createHash("sha256")
    .update(JSON.stringify([files, directories]))
    .digest("hex");
}

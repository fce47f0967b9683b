/**
 * Where configuration comes from: files, directories, environment and network interfaces.
 *
 * An interface with one real implementation, so that tests and fuzzing read from memory.
 */

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { FILE_BYTES_MAX } from "./limits.ts";

/** The path that means standard input, as in CoreDNS. */
export const STANDARD_INPUT = "stdin";

/** The link in the volume of a ConfigMap that all its files are reached by. */
export const DATA_LINK = "..data";

/** One network interface; link-local IPv6 addresses carry their scope: `fe80::1%eth0`. */
export interface InterfaceAddresses {
  readonly name: string;
  readonly addresses: readonly string[];
}

export interface ConfigSource {
  /**
   * Text of a file.
   *
   * @throws {Error} with a plain-words message: missing, not readable, a directory, too large.
   */
  readFile(path: string): string;
  /** Names in a directory in byte order; empty when there is no such directory. */
  listDirectory(path: string): readonly string[];
  environment(name: string): string | undefined;
  interfaces(): readonly InterfaceAddresses[];
  /**
   * Where the link `..data` of a directory leads: the kubelet swaps it to change all files of a
   * mounted ConfigMap at once. `null` without such a link. Absent where there are no links.
   */
  dataLink?(directory: string): string | null;
}

/** The machine itself. Relative paths are relative to the working directory. */
export const systemSource: ConfigSource = {
  readFile: readSystemFile,
  listDirectory(path) {
    try {
      return readdirSync(path).sort();
    } catch {
      return [];
    }
  },
  environment(name) {
    return process.env[name];
  },
  interfaces: readSystemInterfaces,
  dataLink(directory) {
    try {
      return readlinkSync(`${directory}/${DATA_LINK}`);
    } catch {
      return null;
    }
  },
};

/** A source of files in memory, for tests and tools. */
export function memorySource(
  files: Readonly<Record<string, string>>,
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly interfaces?: readonly InterfaceAddresses[];
  } = {},
): ConfigSource {
  return {
    readFile(path) {
      const text = Object.hasOwn(files, path) ? files[path] : undefined;
      if (text === undefined) throw new Error("no such file");
      return text;
    },
    listDirectory(path) {
      const prefix = path === "." ? "" : path.endsWith("/") ? path : `${path}/`;
      const names = new Set<string>();
      for (const file of Object.keys(files)) {
        if (file.startsWith(prefix)) names.add(file.slice(prefix.length).split("/")[0]);
      }
      return [...names].sort();
    },
    environment(name) {
      const { environment = {} } = options;
      return Object.hasOwn(environment, name) ? environment[name] : undefined;
    },
    interfaces() {
      return options.interfaces ?? [];
    },
  };
}

const STANDARD_INPUT_FD = 0;

function readSystemFile(path: string): string {
  try {
    if (path === STANDARD_INPUT) return readFileSync(STANDARD_INPUT_FD, "utf8");
    const status = statSync(path);
    if (status.isDirectory()) throw new Error("it is a directory");
    if (status.size > FILE_BYTES_MAX) {
      throw new Error(`it has ${status.size} bytes, more than ${FILE_BYTES_MAX}`);
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(explain(error), { cause: error });
  }
}

function explain(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT" || code === "ENOTDIR") return "no such file";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  return code ?? (error instanceof Error ? error.message : String(error));
}

function readSystemInterfaces(): InterfaceAddresses[] {
  const result: InterfaceAddresses[] = [];
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    const addresses: string[] = [];
    for (const entry of entries ?? []) {
      const isScoped = entry.family === "IPv6" && entry.scopeid !== 0;
      addresses.push(isScoped ? `${entry.address}%${name}` : entry.address);
    }
    result.push({ name, addresses });
  }
  return result;
}

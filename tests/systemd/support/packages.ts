/** Debian packages, fetched once and unpacked anywhere: nothing is installed. */

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../netns/support/namespaces.ts";

const CACHE = join(import.meta.dirname, "..", "..", "..", ".cache", "debian");
const DOWNLOAD_MS = 60_000;

/** Unpacks package `name` into `folder`, without running its scripts. */
export async function unpackPackage(name: string, folder: string): Promise<void> {
  await run(["dpkg-deb", "-x", await fetchPackage(name), folder]);
}

async function fetchPackage(name: string): Promise<string> {
  mkdirSync(CACHE, { recursive: true });
  const known = findPackage(name);
  if (known !== null) return known;
  const download = 'cd "$0" && apt-get -qq download "$1"';
  await run(["sh", "-c", download, CACHE, name], { timeoutMs: DOWNLOAD_MS });
  const fetched = findPackage(name);
  if (fetched === null) throw new Error(`Cannot fetch the package ${name}: apt-get left no file`);
  return fetched;
}

function findPackage(name: string): string | null {
  const file = readdirSync(CACHE).find((entry) => entry.startsWith(`${name}_`));
  return file === undefined ? null : join(CACHE, file);
}

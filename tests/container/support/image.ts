/** The image as tests want it: built when it is stale, and unpacked once for each digest. */

import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { VERSION } from "../../../src/version.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const IMAGES = join(ROOT, "dist", "image");
const UNPACKED = join(IMAGES, "unpacked");
const KEPT_COUNT = 5;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Of the parts of an OCI image, what is looked at here. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly created: string;
  readonly config: {
    readonly Entrypoint: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly Env?: readonly string[];
  };
}

export interface Image {
  /** Of the manifest: what a registry knows it by. */
  readonly digest: string;
  readonly config: ImageConfig;
  /** Bytes of the layers as they are pushed. */
  readonly layerBytes: number;
  /** Names of the blobs of its layers. */
  readonly layers: readonly string[];
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

/** The archive of the image, for this machine or another, built if need be. */
export async function builtArchive(architecture = ownArchitecture()): Promise<string> {
  const words = ["--arch", architecture, "--if-changed"];
  await promisify(execFile)(join(ROOT, "hack", "image.sh"), words, { cwd: ROOT });
  return join(IMAGES, `nodens-${VERSION}-linux-${architecture}.oci.tar`);
}

/** As images call it. */
function ownArchitecture(): string {
  return ARCHITECTURES[process.arch] ?? process.arch;
}

/** Reads an archive's descriptions. @throws {Error} when it has anything but one manifest. */
export function readArchive(archive: string): Image {
  const read = (name: string): unknown => {
    const text = execFileSync("tar", ["-xOf", archive, name], { encoding: "utf8" });
    return JSON.parse(text) as unknown;
  };
  const { manifests } = read("index.json") as { manifests: readonly Descriptor[] };
  const [manifest] = manifests;
  if (manifest === undefined || manifests.length !== 1) {
    throw new Error(`Cannot read ${archive}: it has ${manifests.length} manifests, expected one`);
  }
  const { config, layers } = read(blobOf(manifest)) as {
    config: Descriptor;
    layers: readonly Descriptor[];
  };
  return {
    digest: manifest.digest,
    config: read(blobOf(config)) as ImageConfig,
    layerBytes: layers.reduce((sum, { size }) => sum + size, 0),
    layers: layers.map(blobOf),
  };
}

/** The root file system of the image, for containers to share: nobody writes to it. */
export async function unpackedImage(): Promise<string> {
  const archive = await builtArchive();
  return unpack(archive, readArchive(archive));
}

/** The same of any archive. */
export function unpack(archive: string, { digest, layers }: Image): string {
  const target = join(UNPACKED, digest.replace(":", "-"));
  if (existsSync(target)) return target;
  mkdirSync(UNPACKED, { recursive: true });
  for (const name of readdirSync(UNPACKED)) removeIfAbandoned(name);
  removeOldest();
  // Renamed when it is whole: others see all of it or nothing.
  const partial = mkdtempSync(join(UNPACKED, `partial-${process.pid}-`));
  const rootfs = join(partial, "rootfs");
  mkdirSync(rootfs);
  execFileSync("tar", ["-xf", archive, "-C", partial, ...layers]);
  for (const layer of layers) {
    execFileSync("tar", ["-xzpf", join(partial, layer), "-C", rootfs]);
  }
  try {
    renameSync(rootfs, target);
  } catch (error) {
    // Somebody else was faster.
    if (!existsSync(target)) throw error;
  }
  rmSync(partial, { recursive: true });
  return target;
}

function removeIfAbandoned(name: string): void {
  const pid = /^partial-(\d+)-/.exec(name)?.[1];
  if (pid === undefined || existsSync(`/proc/${pid}`)) return;
  rmSync(join(UNPACKED, name), { recursive: true });
}

/** Each takes 130 MB. Those that somebody may still use are among the newest. */
function removeOldest(): void {
  const found = readdirSync(UNPACKED).filter((name) => name.startsWith("sha256-"));
  const age = (name: string) => statSync(join(UNPACKED, name)).ctimeMs;
  const oldest = found.sort((a, b) => age(b) - age(a)).slice(KEPT_COUNT);
  for (const name of oldest) rmSync(join(UNPACKED, name), { recursive: true, force: true });
}

function blobOf({ digest }: Descriptor): string {
  return `blobs/${digest.replace(":", "/")}`;
}

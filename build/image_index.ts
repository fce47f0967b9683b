/**
 * Makes one image of several architectures out of OCI archives:
 *
 *     node build/image_index.ts --folder FOLDER --name NAME ARCHIVE...
 *
 * FOLDER becomes an OCI layout whose index leads to the manifest of each archive.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const NAME_ANNOTATION = "org.opencontainers.image.ref.name";

function main(): void {
  const { values, positionals } = parseArgs({
    options: { folder: { type: "string" }, name: { type: "string", default: "nodens" } },
    allowPositionals: true,
  });
  const { folder } = values;
  if (folder === undefined || positionals.length === 0) {
    throw new Error("Cannot make an index: usage: --folder FOLDER --name NAME ARCHIVE...");
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const manifests = positionals.map((archive) => addArchive(archive, folder));
  const index = JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests });
  const digest = `sha256:${createHash("sha256").update(index).digest("hex")}`;
  writeFileSync(join(folder, blobOf(digest)), index);
  const top: Descriptor = {
    mediaType: INDEX_TYPE,
    digest,
    size: Buffer.byteLength(index),
    annotations: { [NAME_ANNOTATION]: values.name },
  };
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [top] }));
  process.stdout.write(`${digest}\n`);
}

/** Unpacks its blobs beside the others', and says where its manifest is and what it is for. */
function addArchive(archive: string, folder: string): Descriptor {
  execFileSync("tar", ["-xf", archive, "-C", folder]);
  const read = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8")) as unknown;
  const { manifests } = read("index.json") as { manifests: readonly Descriptor[] };
  const [manifest] = manifests;
  if (manifest === undefined || manifests.length !== 1) {
    throw new Error(`Cannot use ${archive}: it has ${manifests.length} manifests, expected one`);
  }
  const { mediaType, digest, size } = manifest;
  const { config } = read(blobOf(digest)) as { config: Descriptor };
  const { architecture, os } = read(blobOf(config.digest)) as Required<Descriptor>["platform"];
  return { mediaType, digest, size, platform: { architecture, os } };
}

function blobOf(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

main();

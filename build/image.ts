/**
 * Puts the image's root file system together, checks it and writes what is in it:
 *
 *     node build/image.ts --arch amd64|arm64 --executable FILE --folder FOLDER [--debs FOLDER]
 *       [--created TIME] [--revision COMMIT]
 *
 * FOLDER/context is what build/Dockerfile copies, FOLDER/sbom.spdx.json says what it is. Called by
 * hack/image.sh, which knows how to make an image of it.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { VERSION } from "../src/version.ts";
import { ROOT } from "./bundle.ts";
import { type DebianArchitecture, fetchPackages } from "./debian_packages.ts";
import { listTree, unexpectedFiles } from "./image_contents.ts";
import { DEBIAN_PACKAGES, stageImage } from "./image_files.ts";
import { licenceTexts, readNpmPackage } from "./npm_licences.ts";
import type { RootFileSystem } from "./root_file_system.ts";
import { sbomText } from "./sbom.ts";

const NODE_ARCHITECTURES: Readonly<Record<DebianArchitecture, string>> = {
  amd64: "x64",
  arm64: "arm64",
};
const MIB = 1024 * 1024;

function main(): void {
  const { values } = parseArgs({
    options: {
      arch: { type: "string", default: "amd64" },
      executable: { type: "string", default: "dist/nodens" },
      folder: { type: "string", default: "dist/image/amd64" },
      debs: { type: "string" },
      created: { type: "string", default: "1970-01-01T00:00:00Z" },
      revision: { type: "string", default: "unknown" },
    },
  });
  const architecture = values.arch;
  if (architecture !== "amd64" && architecture !== "arm64") {
    throw new Error(`Cannot build for "${architecture}": expected --arch amd64 or --arch arm64`);
  }
  const folder = resolve(values.folder);
  const bundled = bundledPackages(architecture);
  mkdirSync(folder, { recursive: true });
  const names = DEBIAN_PACKAGES;
  const packages = fetchPackages({ architecture, names, folder, debs: values.debs });
  const root = stageImage({
    folder: join(folder, "context", "rootfs"),
    architecture,
    executable: resolve(values.executable),
    packages,
    licences: licenceTexts(bundled),
  });
  const unexpected = unexpectedFiles(listTree(root.folder));
  if (unexpected.length > 0) {
    throw new Error(`Cannot build the image: it holds what it must not:\n${unexpected.join("\n")}`);
  }
  const sbom = sbomText({
    version: VERSION,
    architecture,
    revision: values.revision,
    created: values.created,
    root,
    debian: packages,
    npm: bundled.map(readNpmPackage),
    // The runtime that builds is the one that is embedded, also for another architecture.
    runtime: process.versions,
  });
  writeFileSync(join(folder, "sbom.spdx.json"), sbom);
  const versions = new Map(packages.map(({ name, version }) => [name, version]));
  process.stdout.write(sizeTable(root, versions));
}

/** Names of the npm packages in the executable, as build/sea.ts has left them. */
function bundledPackages(architecture: DebianArchitecture): string[] {
  const work = join(ROOT, "dist", ".build", NODE_ARCHITECTURES[architecture]);
  return JSON.parse(readFileSync(join(work, "packages.json"), "utf8")) as string[];
}

/** A line for each package, by size. */
function sizeTable(root: RootFileSystem, versions: ReadonlyMap<string, string>): string {
  const sizes = new Map<string, number>();
  for (const { owner, bytes } of root.entries) sizes.set(owner, (sizes.get(owner) ?? 0) + bytes);
  const lines = [...sizes]
    .sort(([, a], [, b]) => b - a)
    .map(([owner, bytes]) => {
      const size = (bytes / MIB).toFixed(2).padStart(8);
      return `${owner.padEnd(24)}${(versions.get(owner) ?? "").padEnd(24)}${size} MiB\n`;
    });
  const total = root.entries.reduce((sum, { bytes }) => sum + bytes, 0);
  return `${lines.join("")}${"all".padEnd(48)}${(total / MIB).toFixed(2).padStart(8)} MiB\n`;
}

main();

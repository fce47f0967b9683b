/** Licences of what is in the executable: ours, Node's, and those of the npm packages bundled. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "./bundle.ts";
import type { LicenceText } from "./image_files.ts";

/** What package.json says of a package that is in the executable. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly licence: string;
}

const LICENCE_FILE = /^licen[cs]e(?:\.md|\.txt)?$/i;

/** @throws {Error} when a package says nothing of its licence. */
export function readNpmPackage(name: string): NpmPackage {
  const { version, license } = readJson(packageFolder(name)) as Record<string, unknown>;
  if (typeof version === "string" && typeof license === "string") {
    return { name, version, licence: license };
  }
  throw new Error(`Cannot list ${name}: its package.json says no version or no licence`);
}

/** Files for /usr/share/doc/nodens. */
export function licenceTexts(bundled: readonly string[]): LicenceText[] {
  const runtime = packageFolder(`node-linux-${process.arch}`);
  const notices = bundled.map((name) => {
    const { version, licence } = readNpmPackage(name);
    return `${name} ${version} (${licence})\n\n${licenceOf(name)}\n`;
  });
  return [
    { name: "LICENSE", text: readFileSync(join(ROOT, "LICENSE"), "utf8") },
    { name: "LICENSE.node", text: readFileSync(join(runtime, "LICENSE"), "utf8") },
    { name: "LICENSE.packages", text: notices.join(`${"-".repeat(72)}\n`) },
  ];
}

function licenceOf(name: string): string {
  const folder = packageFolder(name);
  const file = readdirSync(folder).find((one) => LICENCE_FILE.test(one));
  if (file === undefined) throw new Error(`Cannot list ${name}: it has no licence file`);
  return readFileSync(join(folder, file), "utf8").trim();
}

function packageFolder(name: string): string {
  const folder = join(ROOT, "node_modules", name);
  if (existsSync(folder)) return folder;
  throw new Error(`Cannot find the npm package ${name}: run npm ci`);
}

function readJson(folder: string): unknown {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/**
 * Debian's packages for the image: fetched by apt and unpacked, nothing installed. apt gets lists,
 * sources and an architecture of its own, so that neither the machine's packages nor its settings
 * decide what is in the image; only proxies are taken from them.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";

/** As Debian calls the architectures. */
export type DebianArchitecture = "amd64" | "arm64";

/** A package, unpacked. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Source package, which has the licence and the advisories. */
  readonly source: string;
  readonly sourceVersion: string;
  /** Of the .deb file. */
  readonly sha256: string;
  /** Where its files are. */
  readonly folder: string;
}

export interface FetchRequest {
  readonly architecture: DebianArchitecture;
  readonly names: readonly string[];
  /** For lists, packages and what is in them; kept between calls. */
  readonly folder: string;
  /** A folder of .deb files that is used in place of apt: nothing is fetched. */
  readonly debs?: string | undefined;
}

/** The runtime asks for this glibc or a later one; other suites have other versions of all. */
const SUITE = "bookworm";
const MIRROR = "http://deb.debian.org";
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** @throws {Error} when a package cannot be had. */
export function fetchPackages(request: FetchRequest): DebianPackage[] {
  const debs = request.debs === undefined ? download(request) : resolve(request.debs);
  const unpacked = join(request.folder, "unpacked");
  rmSync(unpacked, { recursive: true, force: true });
  return request.names.map((name) => unpack(findDeb(debs, { ...request, name }), unpacked));
}

/** Leaves the newest version of each in a folder, and nothing else there. */
function download({ architecture, names, folder }: FetchRequest): string {
  if (!existsSync(KEYS)) {
    const wayOut = "install the package debian-archive-keyring, or name a folder with --debs";
    throw new Error(`Cannot fetch Debian's packages: their keys are not in ${KEYS}: ${wayOut}`);
  }
  const apt = writeAptFolder(architecture, folder);
  const debs = join(folder, "debs");
  rmSync(debs, { recursive: true, force: true });
  mkdirSync(debs, { recursive: true });
  runApt([...apt, "update"], debs);
  runApt([...apt, "download", ...names], debs);
  return debs;
}

/** Words for apt-get that make it read and write in a folder of ours only. */
function writeAptFolder(architecture: DebianArchitecture, folder: string): string[] {
  const state = resolve(folder, "apt");
  mkdirSync(join(state, "lists", "partial"), { recursive: true });
  mkdirSync(join(state, "cache", "archives", "partial"), { recursive: true });
  writeFileSync(join(state, "status"), "");
  const sources = [
    `debian ${SUITE}`,
    `debian ${SUITE}-updates`,
    `debian-security ${SUITE}-security`,
  ].map((place) => `deb [signed-by=${KEYS} target=Packages] ${MIRROR}/${place} main\n`);
  writeFileSync(join(state, "sources.list"), sources.join(""));
  const settings = {
    "Dir::State": state,
    "Dir::State::status": join(state, "status"),
    "Dir::Cache": join(state, "cache"),
    "Dir::Etc::sourcelist": join(state, "sources.list"),
    "Dir::Etc::sourceparts": "-",
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "Acquire::Languages": "none",
    // apt's own user may not be allowed to write here.
    "APT::Sandbox::User": "root",
  };
  return ["-qq", ...Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`])];
}

function runApt(args: readonly string[], folder: string): void {
  const command = args.slice(args.lastIndexOf("-o") + 2).join(" ");
  try {
    execFileSync("apt-get", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    const why = String((error as { stderr?: Buffer }).stderr ?? "").trim() || String(error);
    throw new Error(`Cannot fetch Debian's packages: apt-get ${command}: ${why}`);
  }
}

function findDeb(debs: string, { name, architecture }: FetchRequest & { name: string }): string {
  const ending = new RegExp(`_(?:${architecture}|all)\\.deb$`);
  const found = readdirSync(debs).filter(
    (file) => file.startsWith(`${name}_`) && ending.test(file),
  );
  if (found.length === 1) return join(debs, found[0]!);
  const count = found.length === 0 ? "no package" : `${found.length} versions`;
  throw new Error(`Cannot use ${debs}: ${count} of ${name} for ${architecture}: expected one`);
}

function unpack(file: string, folder: string): DebianPackage {
  const fields = ["Package", "Version", "Architecture", "source:Package", "source:Version"];
  const format = fields.map((field) => `$\{${field}}\n`).join("");
  const words = ["--show", `--showformat=${format}`, file];
  const values = execFileSync("dpkg-deb", words, { encoding: "utf8" }).split("\n");
  const [name = "", version = "", architecture = "", source = "", sourceVersion = ""] = values;
  const target = join(folder, name);
  mkdirSync(target, { recursive: true });
  execFileSync("dpkg-deb", ["--extract", file, target], { env: { ...process.env, TZ: "UTC" } });
  const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
  return { name, version, architecture, source, sourceVersion, sha256, folder: target };
}

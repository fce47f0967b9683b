/**
 * What is in the image: our executable, programs of iptables and iproute2 with the libraries that
 * they say they need, CA certificates and licences. Taken file by file from Debian's packages.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import type { DebianArchitecture, DebianPackage } from "./debian_packages.ts";
import { readElf } from "./elf_file.ts";
import { LAYOUT, linkTarget, merged, RootFileSystem } from "./root_file_system.ts";

/** Each of them must give at least one file, and no library may come from anywhere else. */
export const DEBIAN_PACKAGES: readonly string[] = [
  ...["iptables", "libxtables12", "libip4tc2", "libip6tc2", "libmnl0", "libnftnl11"],
  // For the matches connlabel and those beside it.
  ...["libnetfilter-conntrack3", "libnfnetlink0"],
  ...["iproute2", "libbpf1", "libelf1", "libbsd0", "libmd0", "libcap2", "zlib1g"],
  // What Node's binary needs; the licence of libgcc and libstdc++ is in gcc-12-base.
  ...["libc6", "libstdc++6", "libgcc-s1", "libatomic1", "gcc-12-base"],
  "ca-certificates",
  // The texts of the licences that others name.
  "base-files",
];

/** A text that goes with the executable: a licence. */
export interface LicenceText {
  /** File below /usr/share/doc/nodens. */
  readonly name: string;
  readonly text: string;
}

export interface ImageRequest {
  readonly folder: string;
  readonly architecture: DebianArchitecture;
  readonly executable: string;
  readonly packages: readonly DebianPackage[];
  readonly licences: readonly LicenceText[];
}

const TRIPLETS: Readonly<Record<DebianArchitecture, string>> = {
  amd64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};
/** Programs of src/net: `iptables-nft-save`, `ip6tables-legacy-restore`, `iptables`. */
const IPTABLES_LINK = /^ip6?tables-(?:nft|legacy)(?:-save|-restore)?$/;
/** All that iptables and ip6tables may meet in others' rules; not those of other programs. */
const EXTENSION = /^lib(?:xt|ipt|ip6t)_\w+\.so$/;
/** Where Debian's alternatives lead by default. */
const PLAIN_PROGRAMS = ["iptables", "ip6tables"].flatMap((name) => [
  name,
  `${name}-save`,
  `${name}-restore`,
]);
const PEM_END = "-----END CERTIFICATE-----\n";

/** Puts it together in an empty folder. @throws {Error} when something is missing or not needed. */
export function stageImage(request: ImageRequest): RootFileSystem {
  const root = new RootFileSystem(request.folder);
  const from = new Packages(root, request);
  addLayout(root, request.architecture);
  root.addFile("nodens", request.executable, "nodens");
  root.addLink("node-cache", "nodens", "nodens");
  for (const { name, text } of request.licences) {
    root.addText(`usr/share/doc/nodens/${name}`, text, "nodens");
  }
  addIptables(root, from);
  from.add("iproute2", "bin/ip");
  root.addLink("usr/sbin/ip", "../bin/ip", "iproute2");
  addCertificates(root, from);
  from.addLibraries();
  from.addLicences();
  from.expectAllUsed();
  return root;
}

/** Folders where runtimes mount something, and where programs look for files. */
function addLayout(root: RootFileSystem, architecture: DebianArchitecture): void {
  const lib64 = architecture === "amd64" ? ["lib64"] : [];
  root.addMergedFolders(["bin", "lib", "sbin", ...lib64]);
  for (const name of ["dev", "etc", "proc", "run", "sys"]) root.addFolder(name);
  root.addFolder("tmp", 0o1777);
  // Names of upstreams on the command line of `nodens query` may be in /etc/hosts.
  root.addText("etc/nsswitch.conf", "hosts: files dns\n", "nodens");
}

function addIptables(root: RootFileSystem, from: Packages): void {
  for (const program of ["xtables-nft-multi", "xtables-legacy-multi"]) {
    from.add("iptables", `usr/sbin/${program}`);
  }
  for (const name of from.list("iptables", "usr/sbin").filter((one) => IPTABLES_LINK.test(one))) {
    from.add("iptables", `usr/sbin/${name}`);
  }
  for (const name of PLAIN_PROGRAMS) root.addLink(`usr/sbin/${name}`, "xtables-nft-multi", LAYOUT);
  const extensions = `usr/lib/${from.triplet}/xtables`;
  for (const name of from.list("iptables", extensions).filter((one) => EXTENSION.test(one))) {
    from.add("iptables", `${extensions}/${name}`);
  }
}

/** One file, as update-ca-certificates makes it of all that the package has. */
function addCertificates(root: RootFileSystem, from: Packages): void {
  const folder = "usr/share/ca-certificates/mozilla";
  const texts = from
    .list("ca-certificates", folder)
    .map((name) => from.read("ca-certificates", `${folder}/${name}`));
  const broken = texts.findIndex((text) => !text.endsWith(PEM_END));
  if (broken >= 0) throw new Error(`Cannot bundle CA certificates: no. ${broken} is cut off`);
  root.addText("etc/ssl/certs/ca-certificates.crt", texts.join(""), "ca-certificates");
}

/** Debian's packages as a source of files, and what has been taken from them. */
class Packages {
  readonly triplet: string;
  readonly #root: RootFileSystem;
  readonly #packages: ReadonlyMap<string, DebianPackage>;

  constructor(root: RootFileSystem, { architecture, packages }: ImageRequest) {
    this.triplet = TRIPLETS[architecture];
    this.#root = root;
    this.#packages = new Map(packages.map((one) => [one.name, one]));
  }

  /** Names in a folder of a package, sorted. */
  list(name: string, folder: string): string[] {
    return readdirSync(this.#path(name, folder)).sort();
  }

  read(name: string, path: string): string {
    return readFileSync(this.#path(name, path), "utf8");
  }

  add(name: string, path: string): void {
    const source = this.#path(name, path);
    this.#root.addFile(path, source, name);
    const target = linkTarget(source);
    if (target === null) return;
    const next = posix.join(posix.dirname(`/${path}`), target);
    const absolute = target.startsWith("/") ? target : next;
    if (!this.#root.has(absolute)) this.add(name, absolute.slice(1));
  }

  /** Of every program that is there, and of those libraries in turn. */
  addLibraries(): void {
    // Grows while it is gone through: what is added is looked at, too.
    const queue = this.#root.entries.filter(isProgram).map(({ path }) => path);
    for (const path of queue) {
      const { needed, interpreter } = readElf(join(this.#root.folder, path));
      for (const library of needed) queue.push(...this.#addLibrary(library, path));
      if (interpreter !== null) this.#addLoader(interpreter);
    }
  }

  /** The licence of everybody who has given something, and the texts that those name. */
  addLicences(): void {
    const owners = new Set(this.#root.entries.map(({ owner }) => owner));
    const named = new Set<string>();
    for (const name of [...this.#packages.keys()].filter((one) => owners.has(one))) {
      const link = linkTarget(this.#path(name, `usr/share/doc/${name}`));
      if (link !== null) this.#root.addLink(`usr/share/doc/${name}`, link, name);
      const holder = link ?? name;
      const path = `usr/share/doc/${holder}/copyright`;
      this.add(holder, path);
      const text = this.read(holder, path);
      for (const [, found = ""] of text.matchAll(/common-licenses\/([\w.-]*\w)/g)) named.add(found);
    }
    for (const name of [...named].sort()) {
      const path = `usr/share/common-licenses/${name}`;
      if (existsSync(this.#path("base-files", path))) this.add("base-files", path);
    }
  }

  /** @throws {Error} so that the list of packages stays as short as can be. */
  expectAllUsed(): void {
    const owners = new Set(this.#root.entries.map(({ owner }) => owner));
    const idle = [...this.#packages.keys()].filter((name) => !owners.has(name));
    if (idle.length === 0) return;
    const wayOut = "remove them from DEBIAN_PACKAGES";
    throw new Error(`Cannot build the image: nothing is taken from ${idle.join(", ")}: ${wayOut}`);
  }

  /** Returns what has been added, without links. */
  #addLibrary(library: string, neededBy: string): string[] {
    for (const folder of ["lib", "usr/lib"].map((one) => `${one}/${this.triplet}`)) {
      const path = `${folder}/${library}`;
      if (this.#root.has(path)) return [];
      for (const [name, { folder: top }] of this.#packages) {
        if (!readdirIfThere(join(top, folder)).includes(library)) continue;
        this.add(name, path);
        const target = linkTarget(join(top, path));
        return [merged(target === null ? path : join(dirname(path), basename(target)))];
      }
    }
    const wayOut = "add the package that has it to DEBIAN_PACKAGES";
    throw new Error(`Cannot build the image: /${neededBy} needs ${library}: ${wayOut}`);
  }

  /** @throws {Error} when it is nowhere. */
  #addLoader(path: string): void {
    if (this.#root.has(path)) return;
    this.add("libc6", path.slice(1));
  }

  #path(name: string, path: string): string {
    const found = this.#packages.get(name);
    if (found === undefined) throw new Error(`Cannot use ${name}: it is not in DEBIAN_PACKAGES`);
    return join(found.folder, path);
  }
}

function isProgram({ path, kind }: { readonly path: string; readonly kind: string }): boolean {
  return kind === "file" && (/\.so$/.test(path) || /^(?:nodens$|usr\/s?bin\/)/.test(path));
}

function readdirIfThere(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

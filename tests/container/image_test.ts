/** What is in the image, and that it is the same whenever and wherever it is built. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { listTree, unexpectedFiles } from "../../build/image_contents.ts";
import { DEBIAN_PACKAGES } from "../../build/image_files.ts";
import { VERSION } from "../../src/version.ts";
import { cleanUp } from "../support/clean_up.ts";
import { builtArchive, readArchive, unpack } from "./support/image.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** All that hack/image.sh reads, beside what npm and Debian bring. */
const SOURCES = ["build", "hack", "src", "LICENSE", "package.json", "package-lock.json"];
const SOURCES_OF_ESBUILD = ["tsconfig.json"];

const archive = await builtArchive();
const image = readArchive(archive);
const rootfs = unpack(archive, image);

test("the image holds what it needs and nothing else", () => {
  const files = listTree(rootfs);
  assert.deepEqual(unexpectedFiles(files), []);
  const paths = new Set(files.map(({ path }) => path));
  for (const path of ["nodens", "node-cache", "usr/sbin/ip", "usr/sbin/ip6tables-legacy-restore"]) {
    assert.ok(paths.has(path), path);
  }
  assert.equal(statSync(join(rootfs, "tmp")).mode & 0o7777, 0o1777);
  for (const path of paths) assert.equal(statSync(rootfs).uid, 0, path);
});

test("unexpectedFiles() finds a shell, a package manager and what is no file", () => {
  const found = ["bin/sh", "usr/bin/dpkg", "etc/passwd", "nodens2"].map(
    (path) => ({ path, kind: "file" }) as const,
  );
  assert.equal(unexpectedFiles(found).length, found.length);
  assert.equal(unexpectedFiles([{ path: "usr/bin/ip", kind: "other" }]).length, 1);
});

test("programs of the image find their libraries in it", () => {
  for (const [program, words, expected] of [
    ["/nodens", ["version"], `nodens ${VERSION} `],
    ["/node-cache", ["version"], `nodens ${VERSION} `],
    ["/sbin/ip", ["-V"], "ip utility"],
    ["/usr/sbin/iptables", ["-V"], "iptables v"],
    ["/usr/sbin/iptables-nft-save", ["-V"], "(nf_tables)"],
    ["/usr/sbin/ip6tables-legacy-restore", ["-V"], "(legacy)"],
  ] as const) {
    const text = execFileSync("chroot", [rootfs, program, ...words], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    assert.ok(text.includes(expected), `${program}: ${text}`);
  }
});

test("CA certificates of the image are those that upstreams by TLS are held against", () => {
  const code = `console.log(require("node:tls").getCACertificates("system").length)`;
  // A file that the runtime loads first, in a folder that only this program sees.
  const script = [
    'mount -t tmpfs none "$1/tmp" && printf %s "$2" >"$1/tmp/count.cjs"',
    'NODE_OPTIONS=--require=./tmp/count.cjs exec chroot "$1" /nodens version',
  ].join(" && ");
  const words = ["-m", "sh", "-c", script, "sh", rootfs, code];
  const text = execFileSync("unshare", words, { encoding: "utf8" });
  const bundle = readFileSync(join(rootfs, "etc/ssl/certs/ca-certificates.crt"), "utf8");
  const count = bundle.match(/-----BEGIN CERTIFICATE-----/g)?.length ?? 0;
  assert.ok(count > 100, String(count));
  assert.ok(Number.parseInt(text, 10) >= count, text);
});

test("the image says what it is", () => {
  const { architecture, os, created, config } = image.config;
  assert.equal(os, "linux");
  assert.equal(architecture, process.arch === "x64" ? "amd64" : process.arch);
  assert.deepEqual(config.Entrypoint, ["/nodens"]);
  const label = (name: string) => config.Labels[`org.opencontainers.image.${name}`];
  assert.equal(label("title"), "nodens");
  assert.equal(label("version"), VERSION);
  assert.equal(label("licenses"), "Apache-2.0");
  assert.match(label("revision") ?? "", /^[0-9a-f]{40}$/);
  assert.equal(new Date(label("created") ?? "").getTime(), new Date(created).getTime());
  // buildah's own, with its version: it would make two versions of it give two digests.
  assert.deepEqual(
    Object.keys(config.Labels).filter((name) => !name.startsWith("org.opencontainers.image.")),
    [],
  );
});

test("the same sources in another folder give the same digest", (context) => {
  const folder = mkdtempSync(join(tmpdir(), `nodens-image-${process.pid}-`));
  cleanUp(context, () => rmSync(folder, { recursive: true, force: true }));
  for (const name of [...SOURCES, ...SOURCES_OF_ESBUILD]) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const debs = join(ROOT, "dist", "image", image.config.architecture, "debs");
  // Of the image and not of dist/nodens: a commit that changes no source makes no new image.
  const version = execFileSync("chroot", [rootfs, "/nodens", "version"], { encoding: "utf8" });
  const [, commit = ""] = /\((\S+),/.exec(version) ?? [];
  const { Labels: labels } = image.config.config;
  execFileSync(join(folder, "hack", "image.sh"), ["--debs", debs], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      ...process.env,
      NODENS_COMMIT: commit,
      NODENS_REVISION: labels["org.opencontainers.image.revision"],
      SOURCE_DATE_EPOCH: String(new Date(image.config.created).getTime() / 1000),
    },
  });
  const again = join(folder, "dist", "image", basename(archive));
  assert.equal(readArchive(again).digest, image.digest);
  // Not only what a registry would see: the file for download, too.
  assert.ok(readFileSync(again).equals(readFileSync(archive)));
});

interface SpdxPackage {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo: string;
  readonly licenseDeclared: string;
}

interface Spdx {
  readonly spdxVersion: string;
  readonly documentNamespace: string;
  readonly packages: readonly SpdxPackage[];
  readonly files: readonly {
    readonly SPDXID: string;
    readonly fileName: string;
    readonly checksums: readonly { readonly algorithm: string; readonly checksumValue: string }[];
  }[];
  readonly hasExtractedLicensingInfos: readonly { readonly licenseId: string }[];
  readonly relationships: readonly {
    readonly spdxElementId: string;
    readonly relationshipType: string;
    readonly relatedSpdxElement: string;
  }[];
}

test("the bill of materials names every file of the image, and whose it is", () => {
  const text = readFileSync(archive.replace(/\.oci\.tar$/, ".spdx.json"), "utf8");
  const sbom = JSON.parse(text) as Spdx;
  assert.equal(sbom.spdxVersion, "SPDX-2.3");
  const found = listTree(rootfs).filter(({ kind }) => kind === "file");
  const named = sbom.files.map(({ fileName }) => fileName.slice(2));
  assert.deepEqual(
    named,
    found.map(({ path }) => path),
  );
  for (const { SPDXID, fileName, checksums } of sbom.files) {
    const holders = sbom.relationships.filter((one) => one.relatedSpdxElement === SPDXID);
    assert.equal(holders.length, 1, fileName);
    const holder = sbom.packages.find((one) => one.SPDXID === holders[0]!.spdxElementId);
    assert.notEqual(holder, undefined, fileName);
    const file = join(rootfs, fileName);
    const sum = execFileSync("sha256sum", [file], { encoding: "utf8" }).slice(0, 64);
    assert.deepEqual(checksums[1], { algorithm: "SHA256", checksumValue: sum }, fileName);
  }
});

test("the bill of materials has all packages, their versions and licences", () => {
  const text = readFileSync(archive.replace(/\.oci\.tar$/, ".spdx.json"), "utf8");
  const { packages, relationships, hasExtractedLicensingInfos } = JSON.parse(text) as Spdx;
  const names = packages.map(({ name }) => name);
  for (const name of [...DEBIAN_PACKAGES, "nodens", "node", "v8", "openssl", "zod", "commander"]) {
    assert.ok(names.includes(name), name);
  }
  const ids = new Set(packages.map(({ SPDXID }) => SPDXID));
  assert.equal(ids.size, packages.length);
  const explained = new Set(hasExtractedLicensingInfos.map(({ licenseId }) => licenseId));
  for (const { SPDXID, name, versionInfo, licenseDeclared } of packages) {
    assert.match(SPDXID, /^SPDXRef-[A-Za-z0-9.-]+$/);
    assert.notEqual(versionInfo, "", name);
    for (const [id] of licenseDeclared.matchAll(/LicenseRef-[\w.-]+/g)) {
      assert.ok(explained.has(id), id);
    }
    const isReached = relationships.some((one) => one.relatedSpdxElement === SPDXID);
    assert.ok(isReached, `nothing contains ${name}`);
  }
});

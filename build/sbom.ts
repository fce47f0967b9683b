/**
 * The bill of materials of the image, as SPDX 2.3: Debian's packages, Node with the libraries that
 * are built into it, npm packages in the bundle, and every file with the package it is of.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { licenceExpression, licenceReferences } from "./debian_licences.ts";
import type { DebianPackage } from "./debian_packages.ts";
import type { NpmPackage } from "./npm_licences.ts";
import { LAYOUT, linkTarget, type RootFileSystem } from "./root_file_system.ts";

export interface SbomRequest {
  readonly version: string;
  readonly architecture: string;
  readonly revision: string;
  /** ISO 8601, UTC, whole seconds. */
  readonly created: string;
  readonly root: RootFileSystem;
  readonly debian: readonly DebianPackage[];
  readonly npm: readonly NpmPackage[];
  /** `process.versions` of the runtime. */
  readonly runtime: Readonly<Record<string, string | undefined>>;
}

interface Package {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo: string;
  readonly licenseDeclared: string;
  readonly [field: string]: unknown;
}

interface SbomFile {
  readonly SPDXID: string;
  readonly sha1: string;
  readonly owner: string;
  readonly entry: object;
}

const IMAGE = "SPDXRef-Image";
const NODENS = "SPDXRef-Package-nodens";
const NODE = "SPDXRef-Package-node";
/** In `process.versions`, but versions of an interface or of data within another library. */
const NO_COMPONENTS = ["node", "modules", "napi", "unicode", "cldr", "tz"];
const NOT_SAID = "NOASSERTION";

/** The document's text. */
export function sbomText(request: SbomRequest): string {
  const files = filesOf(request.root);
  const debian = request.debian.map((one) => debianPackage(one, files));
  const npm = request.npm.map(npmPackage);
  const runtime = runtimePackages(request.runtime);
  const contained = (holder: string, items: readonly { readonly SPDXID: string }[]) =>
    items.map(({ SPDXID }) => relation(holder, "CONTAINS", SPDXID));
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `nodens-${request.version}-linux-${request.architecture}`,
    documentNamespace: namespaceOf(request, files),
    creationInfo: { created: request.created, creators: ["Tool: nodens build/sbom.ts"] },
    packages: [imagePackage(request), nodensPackage(request, files), ...debian, ...runtime, ...npm],
    files: files.map(({ entry }) => entry),
    hasExtractedLicensingInfos: explanations(debian),
    relationships: [
      relation("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE),
      ...contained(IMAGE, [{ SPDXID: NODENS }, ...debian]),
      ...contained(NODENS, [{ SPDXID: NODE }, ...npm]),
      ...contained(NODE, runtime.slice(1)),
      ...files.map(({ SPDXID, owner }) => relation(owner, "CONTAINS", SPDXID)),
    ],
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function filesOf(root: RootFileSystem): SbomFile[] {
  return root.entries
    .filter(({ kind }) => kind === "file")
    .map(({ path, owner }) => {
      const bytes = readFileSync(join(root.folder, path));
      const sha1 = createHash("sha1").update(bytes).digest("hex");
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const SPDXID = idOf("File", path);
      const entry = {
        SPDXID,
        fileName: `./${path}`,
        checksums: [
          { algorithm: "SHA1", checksumValue: sha1 },
          { algorithm: "SHA256", checksumValue: sha256 },
        ],
        licenseConcluded: NOT_SAID,
        copyrightText: NOT_SAID,
      };
      const holder = owner === LAYOUT ? "nodens" : owner;
      return { SPDXID, sha1, owner: idOf("Package", holder), entry };
    });
}

function imagePackage({ version, architecture }: SbomRequest): Package {
  return {
    ...described({ id: IMAGE, name: "nodens-image", version, licence: NOT_SAID }),
    primaryPackagePurpose: "CONTAINER",
    comment: `linux/${architecture}`,
    ...purl(`pkg:oci/nodens?arch=${architecture}&tag=${version}`),
  };
}

function nodensPackage(request: SbomRequest, files: readonly SbomFile[]): Package {
  const { version, revision } = request;
  return {
    ...described({ id: NODENS, name: "nodens", version, licence: "Apache-2.0" }),
    primaryPackagePurpose: "APPLICATION",
    sourceInfo: `commit ${revision}`,
    ...analyzed(NODENS, files),
    ...purl(`pkg:generic/nodens@${version}`),
  };
}

function debianPackage(one: DebianPackage, files: readonly SbomFile[]): Package {
  const { name, version, architecture, source, sourceVersion, sha256, folder } = one;
  const id = idOf("Package", name);
  const holder = linkTarget(join(folder, "usr/share/doc", name)) ?? name;
  const copyright = join(folder, "..", holder, "usr/share/doc", holder, "copyright");
  const licence = licenceExpression(readFileSync(copyright, "utf8"));
  return {
    ...described({ id, name, version, licence: licence ?? NOT_SAID }),
    supplier: "Organization: Debian",
    sourceInfo: `built from source package ${source} ${sourceVersion}`,
    licenseComments: `Of the whole source package: /usr/share/doc/${holder}/copyright in the image`,
    checksums: [{ algorithm: "SHA256", checksumValue: sha256 }],
    ...analyzed(id, files),
    ...purl(
      `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}` +
        `?arch=${architecture}&distro=debian-12&upstream=${encodeURIComponent(source)}`,
    ),
  };
}

function npmPackage({ name, version, licence }: NpmPackage): Package {
  const id = idOf("Package", `npm-${name}`);
  return {
    ...described({ id, name, version, licence }),
    ...purl(`pkg:npm/${name.replace("@", "%40")}@${version}`),
  };
}

/** Node first, then what is built into it. */
function runtimePackages(versions: SbomRequest["runtime"]): Package[] {
  const version = versions["node"] ?? "";
  const node = {
    ...described({ id: NODE, name: "node", version, licence: "MIT" }),
    licenseComments: "With its libraries' licences in /usr/share/doc/nodens/LICENSE.node",
    ...purl(`pkg:generic/node@${version}`),
  };
  const components = Object.entries(versions)
    .filter(([name, value]) => !NO_COMPONENTS.includes(name) && value !== undefined && value !== "")
    .map(([name, value = ""]) => ({
      ...described({
        id: idOf("Package", `node-${name}`),
        name,
        version: value,
        licence: NOT_SAID,
      }),
      ...purl(`pkg:generic/${name}@${encodeURIComponent(value)}`),
    }));
  return [node, ...components];
}

function described(one: { id: string; name: string; version: string; licence: string }): Package {
  return {
    SPDXID: one.id,
    name: one.name,
    versionInfo: one.version,
    downloadLocation: NOT_SAID,
    filesAnalyzed: false,
    licenseConcluded: NOT_SAID,
    licenseDeclared: one.licence,
    copyrightText: NOT_SAID,
  };
}

/** The specification's sum over the files of a package, section 7.9. */
function analyzed(id: string, files: readonly SbomFile[]): object {
  const sums = files.filter(({ owner }) => owner === id).map(({ sha1 }) => sha1);
  const code = createHash("sha1").update(sums.sort().join("")).digest("hex");
  return sums.length === 0
    ? {}
    : {
        filesAnalyzed: true,
        packageVerificationCode: { packageVerificationCodeValue: code },
      };
}

function purl(locator: string): object {
  const reference = { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl" };
  return { externalRefs: [{ ...reference, referenceLocator: locator }] };
}

function explanations(packages: readonly Package[]): object[] {
  const names = new Set(packages.flatMap((one) => licenceReferences(one.licenseDeclared)));
  return [...names].sort().map((licenseId) => ({
    licenseId,
    name: licenseId.replace("LicenseRef-Debian-", ""),
    extractedText: "Its text is in the copyright files of the packages that declare it.",
  }));
}

function relation(from: string, relationshipType: string, to: string): object {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to };
}

/** Unlike that of any other document, and the same for the same contents. */
function namespaceOf({ version, architecture }: SbomRequest, files: readonly SbomFile[]): string {
  const sum = createHash("sha256");
  for (const { SPDXID, sha1 } of files) sum.update(`${SPDXID} ${sha1}\n`);
  const name = `nodens-${version}-${architecture}-${sum.digest("hex").slice(0, 16)}`;
  return `https://spdx.org/spdxdocs/${name}`;
}

function idOf(kind: "File" | "Package", name: string): string {
  return `SPDXRef-${kind}-${name.replaceAll("+", "p").replaceAll(/[^A-Za-z0-9.-]/g, "-")}`;
}

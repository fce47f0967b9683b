/**
 * Checks manifests against the API of a version of Kubernetes, by TypeScript itself: npm packages
 * have its objects as types, made of the API's own description, and an object literal with a field
 * that its type does not know does not compile.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Manifest, ROOT } from "./manifests.ts";

/**
 * Those that packages were published for: 1.36 and `operator`, which is prometheus-operator with
 * objects of its own, by `need_kubernetes_apis` of hack/lib.sh; the others are in package.json as
 * kubernetes-types-VERSION.
 */
export type TypedVersion = "1.17" | "1.21" | "1.25" | "1.30" | "1.36" | "operator";

export interface TypeQuestion {
  /** Shown with what is found. */
  readonly name: string;
  readonly version: TypedVersion;
  readonly manifest: Manifest;
}

/** By kind: the version of its API, and the module that has it. */
const KINDS: Readonly<Record<string, readonly [apiVersion: string, module: string]>> = {
  DaemonSet: ["apps/v1", "apps/v1"],
  ConfigMap: ["v1", "core/v1"],
  Service: ["v1", "core/v1"],
  ServiceAccount: ["v1", "core/v1"],
  NetworkPolicy: ["networking.k8s.io/v1", "networking/v1"],
  PodMonitor: ["monitoring.coreos.com/v1", "PodMonitor"],
  ServiceMonitor: ["monitoring.coreos.com/v1", "ServiceMonitor"],
};
const FETCHED = join(ROOT, "dist", "kubernetes-api");
const COMPILER = join(ROOT, "node_modules", ".bin", "tsc");
const OPTIONS = [
  "--noEmit",
  "--strict",
  "--skipLibCheck",
  "--pretty",
  "false",
  "--module",
  "esnext",
];

/** All in one run of the compiler. What is wrong, as `NAME: MESSAGE`. */
export function typeProblems(questions: readonly TypeQuestion[]): string[] {
  const parent = join(ROOT, "dist");
  mkdirSync(parent, { recursive: true });
  // Inside the repository, because that is where packages are looked for.
  const folder = mkdtempSync(join(parent, ".kubernetes-types-"));
  try {
    const files = questions.map((question, index) => {
      writeFileSync(join(folder, `${index}.ts`), program(question));
      return `${index}.ts`;
    });
    const words = [...OPTIONS, "--moduleResolution", "bundler", "--ignoreConfig", ...files];
    const { status, stdout, stderr } = spawnSync(COMPILER, words, {
      cwd: folder,
      encoding: "utf8",
    });
    const problems = [...stdout.matchAll(/^(\d+)\.ts\(.*?\): (.*)$/gm)].map(
      ([, index, message]) => `${questions[Number(index)]?.name}: ${message}`,
    );
    if ((status === 0) !== (problems.length === 0)) throw new Error(`tsc: ${stdout}${stderr}`);
    return problems;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function program({ version, manifest }: TypeQuestion): string {
  const kind = String(manifest["kind"]);
  const [apiVersion, module] = KINDS[kind] ?? [];
  if (manifest["apiVersion"] !== apiVersion) {
    throw new Error(`Cannot check ${kind} of ${manifest["apiVersion"]}: it is not in the table`);
  }
  const [type, file] = typeOf(version, kind, module ?? "");
  return [
    `import type { ${type} } from ${JSON.stringify(file)};`,
    `export const manifest: ${type} = ${version === "1.36" ? renamed(manifest) : text(manifest)};`,
    "",
  ].join("\n");
}

/** The type of a kind, and the module that has it. */
function typeOf(version: TypedVersion, kind: string, module: string): [type: string, file: string] {
  switch (version) {
    case "1.36":
      return [`V1${kind}`, fetched("1.36", "dist", "gen", "models", `V1${kind}`)];
    case "operator":
      return [`I${kind}`, fetched("operator", "monitoring.coreos.com", "v1", module)];
    default:
      return [kind, `kubernetes-types-${version}/${module}`];
  }
}

function fetched(...names: readonly string[]): string {
  const file = join(FETCHED, ...names);
  if (existsSync(`${file}.d.ts`)) return `${file}.js`;
  throw new Error(`Cannot find ${file}.d.ts: run need_kubernetes_apis of hack/lib.sh`);
}

function text(manifest: Manifest): string {
  return JSON.stringify(manifest, null, 2);
}

/** The generator of those types puts an underscore before words that some language reserves. */
function renamed(manifest: Manifest): string {
  return text(manifest).replaceAll('"from":', '"_from":');
}

/** Who may import whom: folders of src, planes, runtimes, packages; no circles. */

import { posix } from "node:path";
import { lineOf, type Source, walk } from "./source.ts";

/**
 * Folders and files of src by level. A file imports from its own folder and from lower levels;
 * folders on one level do not know each other.
 */
const LEVELS: readonly (readonly string[])[] = [
  ["std", "limits.ts", "version.ts"],
  ["wire", "sys", "handoff"],
  ["cache", "upstream", "config", "plugins", "log"],
  ["server", "net", "metrics", "status", "install"],
  ["data_main.ts", "agent"],
  ["cli"],
  ["main.ts"],
];

/**
 * The grammar in config is below the plugins that read their directives with it, and the compiled
 * plan in config is above them: file by file there is no circle.
 */
const PAIRS: readonly string[] = ["config plugins", "plugins config"];

/**
 * Neither plane may load these; they meet only in handoff. Of a plugin, the data plane loads what
 * answers queries and not its setup, which is below `config`.
 */
const NOT_IN_DATA_PLANE = ["agent", "cli", "config", "install", "log", "metrics", "net", "status"];
const NOT_IN_CONTROL_PLANE = ["server", "upstream"];

export function layers(source: Source): string[] {
  const from = unitOf(source.path);
  if (from === null || source.isTest) return [];
  const problems: string[] = [];
  if (levelOf(from) < 0) problems.push(`${source.path}:1: ${from} is in no level`);
  for (const { specifier, line } of source.mentions) {
    if (!specifier.startsWith(".")) continue;
    const target = resolve(source.path, specifier);
    const to = unitOf(target);
    if (to === null) {
      problems.push(`${source.path}:${line}: src does not import ${target}`);
    } else if (to !== from && levelOf(to) >= levelOf(from) && !PAIRS.includes(`${from} ${to}`)) {
      problems.push(`${source.path}:${line}: ${from} may not know ${to}`);
    } else if (from === "std" && to !== "std") {
      problems.push(`${source.path}:${line}: std imports nothing of ours`);
    }
  }
  return problems;
}

/** Each plane loads, directly or not, nothing of the other. */
export function planes(sources: readonly Source[]): string[] {
  return [
    ...foreign(sources, "src/data_main.ts", NOT_IN_DATA_PLANE),
    ...foreign(sources, "src/main.ts", NOT_IN_CONTROL_PLANE),
  ];
}

function foreign(sources: readonly Source[], entry: string, banned: readonly string[]): string[] {
  const graph = importGraph(sources, true);
  const cameFrom = new Map<string, string>([[entry, ""]]);
  const problems: string[] = [];
  for (const path of cameFrom.keys()) {
    const unit = unitOf(path);
    if (unit !== null && banned.includes(unit)) {
      problems.push(`${cameFrom.get(path)}:1: ${entry} comes to load ${path}`);
      continue;
    }
    for (const next of graph.get(path) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, path);
  }
  return problems;
}

/** No file imports itself, over however many others; types and `import()` do not count. */
export function circles(sources: readonly Source[]): string[] {
  const graph = importGraph(sources, false);
  const done = new Set<string>();
  const problems: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) {
      problems.push(`${path}:1: imports itself: ${[...way.slice(start), path].join(" → ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return problems;
}

/** `Deno` and the FFI modules are named in src/sys only. */
export function runtimeNames(source: Source): string[] {
  if (!source.path.startsWith("src/") || source.path.startsWith("src/sys/")) return [];
  const problems: string[] = [];
  walk(source.program, (node) => {
    const named =
      (node.type === "Identifier" && (node as unknown as { name: string }).name === "Deno") ||
      (node.type === "Literal" &&
        /^(node:(ffi|sea)|ext:.*)$/.test(String((node as unknown as { value: unknown }).value)));
    if (named) problems.push(`${source.path}:${lineOf(node)}: runtime named outside src/sys`);
  });
  return problems;
}

/** Packages are those of package.json; the program itself uses no development dependency. */
export function packages(
  source: Source,
  dependencies: readonly string[],
  developmentDependencies: readonly string[],
): string[] {
  const isProgram = source.path.startsWith("src/") && !source.isTest;
  const known = isProgram ? dependencies : [...dependencies, ...developmentDependencies];
  const problems: string[] = [];
  for (const { specifier, line } of source.mentions) {
    if (specifier.startsWith(".") || specifier.startsWith("node:")) continue;
    const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
    if (!known.includes(name)) {
      problems.push(`${source.path}:${line}: "${name}" is no dependency that may be used here`);
    }
    if (specifier === "zod") {
      problems.push(`${source.path}:${line}: "zod/mini" is a tenth of "zod" in the executable`);
    }
  }
  return problems;
}

function importGraph(sources: readonly Source[], withLate: boolean): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  for (const source of sources) {
    const imports = withLate ? [...source.imports, ...source.lateImports] : source.imports;
    const targets = imports.filter(({ specifier }) => specifier.startsWith("."));
    graph.set(
      source.path,
      targets.map(({ specifier }) => resolve(source.path, specifier)),
    );
  }
  return graph;
}

function resolve(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier);
}

/** The folder of src a path is in, or the file itself if it is in none; null outside src. */
function unitOf(path: string): string | null {
  return path.startsWith("src/") ? (path.split("/")[1] ?? null) : null;
}

function levelOf(unit: string): number {
  return LEVELS.findIndex((level) => level.includes(unit));
}

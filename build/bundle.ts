/**
 * Bundles the two entries of nodens with esbuild: the process and its data-plane worker.
 *
 * The process becomes a module, so that it can wait at top level; the worker CommonJS, because one
 * that is started from a string always is.
 */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";

/** The repository's root folder. */
export const ROOT = join(import.meta.dirname, "..");

/** File of each bundle in the output folder. */
export interface Bundles {
  /** The process, `src/main.ts`. */
  readonly main: string;
  /** The worker, `src/data_main.ts`. */
  readonly dataMain: string;
  /** npm packages that have something in them, sorted. */
  readonly packages: readonly string[];
}

/** dns-packet and commander are CommonJS and ask for Node's modules by `require`. */
const REQUIRE_IN_MODULE =
  'import { createRequire as requireOf } from "node:module"; const require = requireOf("/nodens");';

/** Writes both bundles to `folder`. */
export async function bundle(folder: string): Promise<Bundles> {
  const bundles = { main: join(folder, "main.mjs"), dataMain: join(folder, "data_main.cjs") };
  const settings = sharedSettings();
  const main = await build({
    ...settings,
    entryPoints: ["src/main.ts"],
    outfile: bundles.main,
    format: "esm",
    banner: { js: REQUIRE_IN_MODULE },
    plugins: [lateBuiltins],
  });
  const dataMain = await build({
    ...settings,
    entryPoints: ["src/data_main.ts"],
    outfile: bundles.dataMain,
    format: "cjs",
    // Only read where the program runs from source.
    define: { ...settings.define, "import.meta.url": JSON.stringify("file:///nodens") },
  });
  return { ...bundles, packages: packagesOf([main.metafile, dataMain.metafile]) };
}

/** Of files that gave at least a byte: what was shaken off is not in the executable. */
function packagesOf(metafiles: readonly Metafile[]): string[] {
  const names = new Set<string>();
  for (const { inputs } of metafiles.flatMap(({ outputs }) => Object.values(outputs))) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1];
      if (name !== undefined && bytesInOutput > 0) names.add(name);
    }
  }
  return [...names].sort();
}

/**
 * A module of Node is loaded when the first of our modules that imports it runs. As an import of
 * the bundle, it would be at start, also for what is itself loaded late: `node:http` and `node:tls`
 * are megabytes.
 */
const lateBuiltins: Plugin = {
  name: "late-builtins",
  setup(given) {
    given.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: "late-builtins" }));
    given.onLoad({ filter: /.*/, namespace: "late-builtins" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

function sharedSettings(): BuildOptions & { metafile: true } {
  return {
    absWorkingDir: ROOT,
    bundle: true,
    platform: "node",
    target: "node26",
    // ASCII only (the default): V8 then keeps the code in one byte a character.
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    // Modules are named in the bundle: with a linked node_modules, by a path of this machine.
    preserveSymlinks: true,
    // Puts the value of every `export const X = 12` where it is used, over file borders as well:
    // a bundle's top-level constants are variables to V8, which must load and check them.
    minifySyntax: true,
    // The source stays in memory: without its indentation an idle process is 3 MB smaller. Names
    // stay, and lines are short, so that a stack trace says where.
    minifyWhitespace: true,
    lineLimit: 100,
    minifyIdentifiers: false,
    define: { NODENS_COMMIT: JSON.stringify(commit()) },
  };
}

/** The commit to bake in: `NODENS_COMMIT`, else what git says, else `unknown`. */
function commit(): string {
  const given = process.env.NODENS_COMMIT;
  if (given) return given;
  try {
    const id = git("rev-parse", "--short=12", "HEAD");
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return changed ? `${id}-dirty` : id;
  } catch {
    // No git, or an unpacked archive.
    return "unknown";
  }
}

function git(...parameters: string[]): string {
  return execFileSync("git", parameters, {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}

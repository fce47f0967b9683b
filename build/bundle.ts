/**
 * Bundles the two entries of nodens with esbuild: the process and its data-plane worker.
 *
 * Both become CommonJS: a worker started from a string is always CommonJS, and dns-packet and
 * commander are, so that no `require` has to be made up for them.
 */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";

/** The repository's root folder. */
export const ROOT = join(import.meta.dirname, "..");

/** File of each bundle in the output folder. */
export interface Bundles {
  /** The process, `src/main.ts`. */
  readonly main: string;
  /** The worker, `src/data_main.ts`. */
  readonly dataMain: string;
}

/** Writes both bundles to `folder`. */
export async function bundle(folder: string): Promise<Bundles> {
  const entries = { main: "src/main.ts", data_main: "src/data_main.ts" };
  await build({
    absWorkingDir: ROOT,
    entryPoints: entries,
    outdir: folder,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node26",
    format: "cjs",
    // ASCII only (the default): V8 then keeps the code in one byte a character.
    legalComments: "none",
    logLevel: "warning",
    // Puts the value of every `export const X = 12` where it is used, over file borders as well:
    // a bundle's top-level constants are variables to V8, which must load and check them.
    minifySyntax: true,
    // Lines and names stay as they are, so that a stack trace says where.
    minifyWhitespace: false,
    minifyIdentifiers: false,
    define: {
      NODENS_COMMIT: JSON.stringify(commit()),
      // Only read where the program runs from source.
      "import.meta.url": JSON.stringify("file:///nodens"),
    },
  });
  return { main: join(folder, "main.cjs"), dataMain: join(folder, "data_main.cjs") };
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

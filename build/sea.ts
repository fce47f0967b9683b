/**
 * Builds the single executable: `node build/sea.ts [--arch x64|arm64] [--runtime FILE]`.
 *
 * Bundle → Node's own binary, stripped → `node --build-sea` → `dist/nodens` (`dist/nodens-arm64`
 * when built for the other architecture). Must run under the Node version that is embedded.
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { bundle, ROOT } from "./bundle.ts";

/** Name of the asset that holds the worker's code; `src/sys/workers.ts` asks for it. */
export const WORKER_ASSET = "data_main.js";

/**
 * What the embedded runtime is started with. Measured figures: build/README.md.
 *
 * Anything in `NODE_OPTIONS` comes on top, for debugging.
 */
const RUNTIME_FLAGS = [
  // node:ffi says on stderr that it is experimental; the decision for it is hack/decisions/0001.
  "--disable-warning=ExperimentalWarning",
  // One helper thread for compiling and collecting, however many cores the machine has.
  "--v8-pool-size=1",
  // The young generation may grow to 1 MiB each half instead of 16: the hot path allocates nothing.
  "--max-semi-space-size=1",
];

/**
 * The compiled code holds hashes of strings, by a seed that is drawn at start; with this flag the
 * same source gives the same file. With --hash-seed it would, too, but then V8 refuses the code
 * when it runs without that flag.
 */
const CACHE_FLAGS = ["--random-seed=1"];

const STRIP: Readonly<Record<string, string>> = {
  x64: process.arch === "x64" ? "strip" : "x86_64-linux-gnu-strip",
  arm64: process.arch === "arm64" ? "strip" : "aarch64-linux-gnu-strip",
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { arch: { type: "string", default: process.arch }, runtime: { type: "string" } },
  });
  const arch = values.arch;
  const native = arch === process.arch;
  const work = join(ROOT, "dist", ".build", arch);
  mkdirSync(work, { recursive: true });

  const bundles = await bundle(work);
  const runtime = join(work, "node");
  copyFileSync(values.runtime ?? installedRuntime(arch), runtime);
  execFileSync(STRIP[arch] ?? "strip", [runtime]);

  const assembled = join(work, "assembled");
  // Names without a folder, to be read in there: they are in the executable.
  writeFileSync(
    join(work, "sea.json"),
    JSON.stringify({
      main: basename(bundles.main),
      mainFormat: "module",
      executable: basename(runtime),
      output: basename(assembled),
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      // Compiled code fits only the machine that compiled it.
      useCodeCache: native,
      execArgv: RUNTIME_FLAGS,
      execArgvExtension: "env",
      assets: { [WORKER_ASSET]: basename(bundles.dataMain) },
    }),
  );
  writeFileSync(join(work, "packages.json"), JSON.stringify(bundles.packages));
  const words = [...CACHE_FLAGS, "--build-sea", "sea.json"];
  execFileSync(process.execPath, words, { cwd: work, stdio: "pipe" });

  const target = join(ROOT, "dist", native ? "nodens" : `nodens-${arch}`);
  publish(assembled, target);
  rmSync(assembled);
  const sizeMiB = (statSync(target).size / 1024 / 1024).toFixed(1);
  process.stdout.write(`${relative(ROOT, target)}: ${sizeMiB} MiB\n`);
}

/**
 * Copies the executable to where people expect it, then renames it: a running one keeps its file.
 *
 * The copy is on purpose. `--build-sea` writes the file in one piece, which the kernel then caches
 * in large folios and maps whole: resident memory was 82 MiB in place of 48 until the next boot.
 */
function publish(source: string, target: string): void {
  const next = `${target}.new`;
  copyFileSync(source, next);
  renameSync(next, target);
}

function installedRuntime(arch: string): string {
  return join(ROOT, "node_modules", `node-linux-${arch}`, "bin", "node");
}

await main();

/**
 * Builds `dist/nodens-deno` with `deno compile`: `deno task compile`.
 *
 * Deno takes the base of such an executable, `denort`, from its own release server the first time;
 * `DENORT_BIN` names one that is already there.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "./bundle.ts";

const OUTPUT = join("dist", "nodens-deno");

mkdirSync(join(ROOT, "dist"), { recursive: true });
const { status, stderr, error } = spawnSync(
  process.execPath,
  [
    ...["compile", "--quiet", "--no-check", "-A"],
    ...["--include", "src/data_main.ts", "--output", OUTPUT, "src/main.ts"],
  ],
  { cwd: ROOT, encoding: "utf8" },
);
if (error !== undefined) throw error;
if (status === 0) {
  process.stdout.write(`${OUTPUT}\n`);
} else if (/denort|base binary/.test(stderr)) {
  const reason = /https:\S+\.zip/.exec(stderr)?.[0] ?? "denort";
  process.stderr.write(
    `Cannot compile with Deno: its base executable is not here and cannot be fetched ` +
      `(${reason}): set DENORT_BIN to a denort of the same version, or use ./hack/build.sh\n`,
  );
  process.exitCode = 1;
} else {
  process.stderr.write(stderr);
  process.exitCode = 1;
}

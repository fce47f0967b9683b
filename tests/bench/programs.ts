/** Compiles the C programs of `load/` when their sources are newer, into `.cache/bench`. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The programs of `load/`. */
export type Program = "dnsload" | "responder" | "firstanswer";

const SOURCES = fileURLToPath(new URL("./load", import.meta.url));
const TARGETS = fileURLToPath(new URL("../../.cache/bench", import.meta.url));

const done = new Map<Program, string>();

/**
 * Returns the path of a program, compiled before if need be.
 *
 * @throws {Error} when gcc is missing or the source does not compile.
 */
export function program(name: Program): string {
  let path = done.get(name);
  if (path === undefined) {
    path = join(TARGETS, name);
    if (!isFresh(path)) compile(name, path);
    done.set(name, path);
  }
  return path;
}

/** Says whether a C compiler is there. */
export function hasCompiler(): boolean {
  return spawnSync("gcc", ["--version"]).status === 0;
}

function isFresh(path: string): boolean {
  if (!existsSync(path)) return false;
  const madeMs = statSync(path).mtimeMs;
  return readdirSync(SOURCES).every((file) => statSync(join(SOURCES, file)).mtimeMs < madeMs);
}

/** Compiles beside the target and renames: tests that run at the same time see a whole file. */
function compile(name: Program, path: string): void {
  mkdirSync(TARGETS, { recursive: true });
  const partial = `${path}.${process.pid}`;
  const words = ["-O2", "-Wall", "-o", partial, join(SOURCES, `${name}.c`), "-lm"];
  const { status, stderr } = spawnSync("gcc", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot compile ${name}.c: ${stderr || "gcc is missing"}`);
  renameSync(partial, path);
}

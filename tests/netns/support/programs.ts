/** Compiles the C programs of this folder, when their sources are newer, into `.cache/netns`. */

import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { run } from "./namespaces.ts";

const TARGETS = join(import.meta.dirname, "..", "..", "..", ".cache", "netns");

/** The path of a program. @throws {Error} when it does not compile, or there is no compiler. */
export async function program(
  name: "freeze_thread" | "getaddrinfo" | "hand_lease" | "memory_hog",
): Promise<string> {
  const source = join(import.meta.dirname, `${name}.c`);
  const target = join(TARGETS, name);
  if (existsSync(target) && statSync(target).mtimeMs > statSync(source).mtimeMs) return target;
  mkdirSync(TARGETS, { recursive: true });
  // Renamed when it is whole: tests that run at the same time see all of it or nothing.
  const partial = `${target}.${process.pid}`;
  await run(["gcc", "-O2", "-Wall", "-pthread", "-o", partial, source]);
  renameSync(partial, target);
  return target;
}

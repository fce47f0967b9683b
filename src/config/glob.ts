/** File patterns of `import`: at most one `*` and one `?`, in any part of the path. */

import type { ConfigSource } from "./source.ts";

/** Whether `path` is a pattern rather than the name of one file. */
export function isPattern(path: string): boolean {
  return /[*?[]/.test(path);
}

/** Why `pattern` cannot be used, or `null`. */
export function patternProblem(pattern: string): string | null {
  if (pattern.includes("[")) return "expected no '['";
  if (pattern.split("*").length > 2) return "expected at most one '*'";
  if (pattern.split("?").length > 2) return "expected at most one '?'";
  return null;
}

/** Paths that match, in byte order; a wildcard stays within its path segment. */
export function matchFiles(pattern: string, source: ConfigSource): string[] {
  const isAbsolute = pattern.startsWith("/");
  let found = [isAbsolute ? "/" : ""];
  for (const segment of pattern.split("/")) {
    if (segment === "") continue;
    const next: string[] = [];
    for (const parent of found) {
      for (const name of namesOf(parent, segment, source)) {
        next.push(parent === "" || parent === "/" ? parent + name : `${parent}/${name}`);
      }
    }
    found = next;
  }
  return found.filter((path) => path !== "" && path !== "/").sort();
}

function namesOf(parent: string, segment: string, source: ConfigSource): readonly string[] {
  if (!isPattern(segment)) return [segment];
  const names = source.listDirectory(parent === "" ? "." : parent);
  return names.filter((name) => matches(segment, name));
}

function matches(pattern: string, name: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|\\\]]/g, "\\$&");
  const source = escaped.replaceAll("*", "[^/]*").replaceAll("?", "[^/]");
  return new RegExp(`^${source}$`, "u").test(name);
}

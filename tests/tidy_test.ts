/**
 * The house rules of hack/STYLE.md that a program can check. Every rule is first shown a text that
 * breaks it, so that a rule which finds nothing is known to work.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readPluginPages, withPluginTable } from "../hack/plugin_table.ts";
import { VERSION } from "../src/version.ts";
import { hotPath } from "./tidy/hot_rules.ts";
import { circles, layers, packages, planes, runtimeNames } from "./tidy/layer_rules.ts";
import { links, pluginReadme } from "./tidy/markdown_rules.ts";
import { Source } from "./tidy/source.ts";
import {
  fileLengths,
  fileName,
  forbiddenWords,
  functionLengths,
  lineLengths,
  moduleHeader,
} from "./tidy/text_rules.ts";

const ROOT = join(import.meta.dirname, "..");
const IGNORED = new Set([".git", ".cache", "dist", "node_modules"]);

const FILES = listFiles("");
const SOURCES = FILES.filter((path) => path.endsWith(".ts")).map(
  (path) => new Source(path, read(path)),
);
const PACKAGE = JSON.parse(read("package.json")) as {
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

function listFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return IGNORED.has(entry.name) ? [] : listFiles(path);
    return entry.isFile() ? [path] : [];
  });
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Runs a rule on files that break it, each of which must be found, and then on the repository. */
function check(
  title: string,
  rule: (source: Source) => string[],
  broken: readonly (readonly [path: string, text: string])[],
): void {
  test(title, () => {
    for (const [path, text] of broken) {
      assert.notDeepEqual(rule(new Source(path, text)), [], `not found in: ${text.slice(0, 200)}`);
    }
    assertNone(SOURCES.flatMap(rule));
  });
}

function assertNone(problems: readonly string[]): void {
  if (problems.length > 0) assert.fail(`\n${problems.join("\n")}`);
}

const hot = (body: string) => `// Hot path.\nfunction answer(a) {\n  ${body}\n}\n`;

check("lineLengths() finds no line above 100 columns", lineLengths, [
  ["src/a.ts", `const a = 1; ${"x ".repeat(50)}`],
]);

check("fileLengths() finds no file above its limit", fileLengths, [
  ["src/a.ts", "\n".repeat(402)],
  ["src/a.ts", `// Hot path.\n${"\n".repeat(301)}`],
  ["src/a_test.ts", "\n".repeat(602)],
]);

check("functionLengths() finds no function above 70 lines", functionLengths, [
  ["src/a.ts", `function a() {${"\n".repeat(70)}}`],
  ["src/a.ts", `class A { a() {${"\n".repeat(70)}} }`],
]);

check("moduleHeader() finds a header in every file", moduleHeader, [
  ["src/a.ts", 'import a from "./b.ts";\n'],
  ["src/a.ts", "// Hot path.\nconst a = 1;\n"],
]);

check("hotPath() finds nothing that allocates or slows down in hot functions", hotPath, [
  ["src/a.ts", hot("try { a(); } finally { a(); }")],
  ["src/a.ts", hot("return new Map();")],
  ["src/a.ts", hot("return () => a;")],
  ["src/a.ts", hot("return `a`;")],
  ["src/a.ts", hot("for (const b of a) b();")],
  ["src/a.ts", hot("const [b] = a; return b;")],
  ["src/a.ts", hot("return { a };")],
  ["src/a.ts", hot("return [a];")],
  ["src/a.ts", hot("return a(...a);")],
  ["src/a.ts", hot("return /a/.test(a);")],
  ["src/a.ts", "// Hot path.\nclass A { find() { return {}; } }"],
]);

test("hotPath() leaves constructors, module scope, throw and cold functions alone", () => {
  for (const text of [
    "// Hot path.\nconst a = [1]; class A { b = {}; constructor() { this.b = new Map(); } }",
    hot('throw new RangeError("no");'),
    "// Hot path.\n/** Cold: runs once at start. */\nexport function a() { return []; }",
    "// Hot path.\nclass A {\n  /**\n   * Opens. Cold: at start.\n   */\n  a() { return []; }\n}",
  ]) {
    assert.deepEqual(hotPath(new Source("src/a.ts", text)), []);
  }
});

check("layers() finds no import against the direction of the folders", layers, [
  ["src/std/a.ts", 'import { a } from "../limits.ts";'],
  ["src/cache/a.ts", 'import { a } from "../server/a.ts";'],
  ["src/cache/a.ts", 'import type { a } from "../upstream/a.ts";'],
  ["src/wire/a.ts", 'import {\n  a,\n} from "../sys/a.ts";'],
  ["src/wire/a.ts", 'export { a } from "../../tests/a.ts";'],
  ["src/novelty/a.ts", ""],
]);

check("runtimeNames() finds Deno and node:ffi in src/sys only", runtimeNames, [
  ["src/wire/a.ts", "Deno.exit();"],
  ["src/wire/a.ts", 'process.getBuiltinModule("node:ffi");'],
]);

const listed = (source: Source) =>
  packages(source, Object.keys(PACKAGE.dependencies), Object.keys(PACKAGE.devDependencies));
check("packages() finds only dependencies of package.json", listed, [
  ["src/a.ts", 'import a from "left-pad";'],
  ["src/a.ts", 'import { build } from "esbuild";'],
  ["src/a.ts", 'import { z } from "zod";'],
]);

test("circles() finds no file that imports itself", () => {
  const pair = [
    new Source("src/a.ts", 'import { b } from "./b.ts"; b();'),
    new Source("src/b.ts", 'import { a } from "./a.ts"; a();'),
  ];
  assert.equal(circles(pair).length, 1);
  assertNone(circles(SOURCES));
});

test("planes() finds that each plane loads nothing of the other", () => {
  const mixed = [
    new Source("src/data_main.ts", 'import { a } from "./server/a.ts"; a();'),
    new Source("src/server/a.ts", 'import { b } from "../config/b.ts"; b();'),
    new Source("src/config/b.ts", ""),
  ];
  assert.equal(planes(mixed).length, 1);
  const late = [
    new Source("src/main.ts", 'await import("./server/a.ts");'),
    new Source("src/server/a.ts", ""),
  ];
  assert.equal(planes(late).length, 1);
  assertNone(planes(SOURCES));
});

test("forbiddenWords() finds no unfinished work and no path of a machine", () => {
  assert.equal(forbiddenWords("a.ts", `// ${"TO"}DO: later`).length, 1);
  assert.equal(forbiddenWords("a.sh", `cd /${"home"}/me`).length, 1);
  const texts = FILES.filter((path) => /\.(ts|sh|md|json|yaml|c|h|zone)$|^[^.]+$/.test(path));
  assertNone(texts.flatMap((path) => forbiddenWords(path, read(path))));
});

test("fileName() finds snake_case names that say what the file holds", () => {
  for (const path of ["src/fooBar.ts", "src/Foo/a.ts", "src/foo-bar.ts", "src/wire/utils.ts"]) {
    assert.equal(fileName(path).length, 1, path);
  }
  assertNone(FILES.flatMap(fileName));
});

test("links() finds that every Markdown link leads somewhere", () => {
  const sample =
    "[a](no.md) [b](#none) [c](https://example.org) `[d](no.md)`\n\n# Here\n[e](#here)";
  assert.equal(links("a.md", sample, ["a.md"], () => sample).length, 2);
  const pages = FILES.filter((path) => path.endsWith(".md"));
  assertNone(pages.flatMap((path) => links(path, read(path), FILES, read)));
});

test("pluginReadme() finds a manual page in every plugin's folder", () => {
  assert.equal(pluginReadme("README.md", "# a\n\n## Name\n").length, 1);
  const folders = new Set(FILES.map((path) => /^src\/plugins\/\w+(?=\/)/.exec(path)?.[0] ?? ""));
  folders.delete("");
  const problems = [...folders].flatMap((folder) => {
    const path = `${folder}/README.md`;
    return FILES.includes(path) ? pluginReadme(path, read(path)) : [`${path}: missing`];
  });
  assertNone(problems);
});

test("withPluginTable() finds the table of plugins in README.md up to date", () => {
  const table = withPluginTable(read("README.md"), readPluginPages(ROOT));
  assert.equal(read("README.md"), table, "README.md is stale: run node hack/plugin_table.ts");
});

test("VERSION is the version of package.json", () => {
  assert.equal(VERSION, PACKAGE.version);
});

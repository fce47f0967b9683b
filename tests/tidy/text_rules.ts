/** Rules about names, sizes and words; each returns `path:line: what is wrong`. */

import { lineOf, type Source, walk } from "./source.ts";

const LINE_COLUMNS_MAX = 100;
const FILE_LINES_MAX = 400;
const HOT_FILE_LINES_MAX = 300;
/** Tables of cases are long and simple. */
const TEST_FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;

/** A line may be longer where a text or an address in it is what makes it so. */
export function lineLengths(source: Source): string[] {
  const problems: string[] = [];
  for (const [index, line] of source.lines.entries()) {
    if (line.length <= LINE_COLUMNS_MAX) continue;
    const parts = [/"[^"]*"/g, /'[^']*'/g, /`[^`]*`/g, /\S+/g].flatMap(
      (text) => line.match(text) ?? [],
    );
    const longest = Math.max(...parts.map((part) => part.length));
    if (line.length - longest > LINE_COLUMNS_MAX / 2) {
      problems.push(
        `${source.path}:${index + 1}: ${line.length} columns, limit ${LINE_COLUMNS_MAX}`,
      );
    }
  }
  return problems;
}

export function fileLengths(source: Source): string[] {
  const limit = source.isTest
    ? TEST_FILE_LINES_MAX
    : source.isHot
      ? HOT_FILE_LINES_MAX
      : FILE_LINES_MAX;
  const count = source.lines.length;
  return count > limit ? [`${source.path}:1: ${count} lines, limit ${limit}`] : [];
}

export function functionLengths(source: Source): string[] {
  const problems: string[] = [];
  if (source.isTest) return problems;
  walk(source.program, (node) => {
    if (!/Function/.test(node.type) || node.loc == null) return;
    const count = node.loc.end.line - node.loc.start.line + 1;
    if (count > FUNCTION_LINES_MAX) {
      problems.push(
        `${source.path}:${lineOf(node)}: function of ${count} lines, limit ${FUNCTION_LINES_MAX}`,
      );
    }
  });
  return problems;
}

export function moduleHeader(source: Source): string[] {
  if (source.isTest) return [];
  const begins = source.text.replace(/^#!.*\n|^\/\/ Hot path\.\n/g, "").trimStart();
  return begins.startsWith("/**") ? [] : [`${source.path}:1: the module header is missing`];
}

/** Words that must not be in any text file. */
export function forbiddenWords(path: string, text: string): string[] {
  const patterns: readonly (readonly [RegExp, string])[] = [
    [new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`), "unfinished work"],
    [/(^|[\s"'`(=:])\/(work|home|root|tmp)\//, "a path of somebody's machine"],
  ];
  const problems: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    for (const [pattern, what] of patterns) {
      if (pattern.test(line)) problems.push(`${path}:${index + 1}: ${what}: ${line.trim()}`);
    }
  }
  return problems;
}

/** Files and folders are snake_case and say what they hold. */
export function fileName(path: string): string[] {
  const problems: string[] = [];
  const names = path.split("/");
  for (const [index, name] of names.entries()) {
    const isFile = index === names.length - 1;
    if (!(isFile ? isFileName(name) : isFolderName(name, path))) {
      problems.push(`${path}:1: "${name}" is not snake_case`);
    }
  }
  const stem = (names.at(-1) ?? "").replace(/(_test)?\.ts$/, "");
  if (/^(utils?|helpers?|common|index|misc|shared)$/.test(stem)) {
    problems.push(`${path}:1: "${stem}" does not say what the file holds`);
  }
  return problems;
}

/** Overlays have the names that one types after `kubectl apply -k`, written as Kubernetes' own. */
function isFolderName(name: string, path: string): boolean {
  const isOverlay = path.startsWith("deploy/kubernetes/overlays/");
  return (isOverlay ? /^[a-z][a-z0-9-]*$/ : /^\.?[a-z][a-z0-9_]*$/).test(name);
}

function isFileName(name: string): boolean {
  return (
    // Ours, then names that others fix: README.md, LICENSE, Dockerfile, deno.json, 0001-title.md.
    /^\.?[a-z0-9][a-z0-9_]*(\.[a-z0-9_]+)*$/.test(name) ||
    /^[A-Z]+(\.md)?$/.test(name) ||
    /^[A-Za-z0-9_.]+\.(zone|Corefile|server|snippet|sample)$/.test(name) ||
    /^(Dockerfile|Corefile|package-lock\.json|example\.org\.zone)$/.test(name) ||
    // Helm's: a chart's own file, what it prints, and templates that are no manifests.
    /^(Chart\.yaml|NOTES\.txt|_[a-z_]+\.tpl)$/.test(name) ||
    // Units of systemd.
    /^nodens[a-z-]*\.(path|service)$/.test(name) ||
    /^\d{4}-[a-z0-9-]+\.md$/.test(name)
  );
}

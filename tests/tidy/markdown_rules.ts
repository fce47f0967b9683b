/** Links lead somewhere, and a plugin's README is a manual page. */

import { posix } from "node:path";

/** The headings of a plugin's README, in order; those with a question mark may be missing. */
const PLUGIN_HEADINGS = [
  "Name",
  "Description",
  "Syntax",
  "Metrics",
  "Examples",
  "Bugs",
  "See also?",
] as const;

/** `files` are all paths of the repository, `read` gives the text of one. */
export function links(
  path: string,
  text: string,
  files: readonly string[],
  read: (path: string) => string,
): string[] {
  const problems: string[] = [];
  for (const { target, line } of linksOf(text)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file = "", anchor = ""] = target.split("#");
    const found = file === "" ? path : posix.join(posix.dirname(path), file).replace(/\/$/, "");
    const isFolder = found === "." || files.some((known) => known.startsWith(`${found}/`));
    if (!files.includes(found) && !isFolder) {
      problems.push(`${path}:${line}: link leads nowhere: ${target}`);
    } else if (anchor !== "" && found.endsWith(".md") && !anchorsOf(read(found)).has(anchor)) {
      problems.push(`${path}:${line}: no such heading: ${target}`);
    }
  }
  return problems;
}

export function pluginReadme(path: string, text: string): string[] {
  const found = headingsOf(text).filter(({ level }) => level === 2);
  const names = found.map(({ title }) => title);
  const expected = PLUGIN_HEADINGS.filter(
    (title) => !title.endsWith("?") || names.includes(title.slice(0, -1)),
  ).map((title) => title.replace("?", ""));
  return names.join() === expected.join()
    ? []
    : [`${path}:1: headings are ${names.join(", ")}; expected ${expected.join(", ")}`];
}

function linksOf(text: string): { target: string; line: number }[] {
  const found: { target: string; line: number }[] = [];
  let inCode = false;
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*```/.test(line)) inCode = !inCode;
    if (inCode || /^ {4}/.test(line)) continue;
    const words = line.replace(/`[^`]*`/g, "");
    for (const match of words.matchAll(/\[[^\]]*\]\(([^)\s]+)\)|^\[[^\]]+\]:\s+(\S+)/g)) {
      found.push({ target: match[1] ?? match[2] ?? "", line: index + 1 });
    }
  }
  return found;
}

function headingsOf(text: string): { level: number; title: string }[] {
  const withoutCode = text.replace(/^\s*```[\s\S]*?^\s*```/gm, "");
  return [...withoutCode.matchAll(/^(#+) +(.+?)\s*$/gm)].map(([, marks = "", title = ""]) => ({
    level: marks.length,
    title,
  }));
}

/** The anchors that GitHub makes of headings. */
function anchorsOf(text: string): Set<string> {
  return new Set(
    headingsOf(text).map(({ title }) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replace(/\s/g, "-"),
    ),
  );
}

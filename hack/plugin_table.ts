/**
 * Keeps the table of plugins in README.md in step with the plugins' manual pages: `npm run fmt`.
 *
 * A row comes from a page's Name and its Bugs (the first paragraph), and from the code: whether the
 * plugin warns of options without effect or refuses some. What CoreDNS has beside is listed below
 * the table.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PLUGIN_ORDER } from "../src/plugins/plugin_order.ts";

const BEGIN = "<!-- plugins: written by hack/plugin_table.ts -->";
const END = "<!-- end of plugins -->";
/** A plugin's folder. */
export interface PluginPage {
  readonly name: string;
  /** Its manual page. */
  readonly text: string;
  /** Its sources without tests, one after the other. */
  readonly code: string;
}

/** Returns `readme` with the table that belongs to `pages`. @throws {Error} without its place. */
export function withPluginTable(readme: string, pages: readonly PluginPage[]): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot find the table's place: expected "${BEGIN}" and "${END}" in README.md`);
  }
  const before = readme.slice(0, begin + BEGIN.length);
  return `${before}\n${pluginTable(pages)}\n${readme.slice(end)}`;
}

function pluginTable(pages: readonly PluginPage[]): string {
  const known = [...pages].sort((a, b) => rank(a.name) - rank(b.name));
  const names = known.map(({ name }) => name);
  const missing = PLUGIN_ORDER.filter((name) => !names.includes(name)).map((name) => `\`${name}\``);
  const rows = known.map(
    (page) =>
      `| [${page.name}](src/plugins/${page.name}/README.md) | ${purposeOf(page)} ` +
      `| ${supportOf(page)} | ${remarksOf(page)} |`,
  );
  return [
    "| plugin | what it does | options | remarks |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
    `Directives that CoreDNS has beside these are errors which name them: ${missing.join(", ")}.`,
  ].join("\n");
}

/** In order of execution; what CoreDNS does not have comes last. */
function rank(name: string): number {
  const order = PLUGIN_ORDER.indexOf(name);
  return order < 0 ? PLUGIN_ORDER.length : order;
}

function purposeOf(page: PluginPage): string {
  const name = sectionOf(page, "Name");
  const purpose = name.replace(/^\*[^*]+\*\s+-\s+/, "").replace(/\.$/, "");
  if (purpose === name || purpose === "") {
    throw new Error(
      `Cannot read Name of plugin ${page.name}: expected "*${page.name}* - does it."`,
    );
  }
  return inCell(purpose, page);
}

/** By the calls of `DirectiveReader` that say so to users. */
function supportOf({ code }: PluginPage): string {
  const missing = [];
  if (/\.unsupported\(/.test(code)) missing.push("some are refused");
  if (/\.noEffect\(/.test(code)) missing.push("some have no effect");
  return missing.join(", ") || "all";
}

function remarksOf(page: PluginPage): string {
  const [first = ""] = sectionOf(page, "Bugs").split(/\n\s*\n/);
  return /^None\b/.test(first) ? "" : inCell(first, page);
}

/** One line; links of the page are links of README.md. */
function inCell(text: string, { name }: PluginPage): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/\]\((?![a-z]+:|#)([^)]+)\)/g, (_, target: string) => {
      return `](${join("src/plugins", name, target)})`;
    })
    .replaceAll("|", "\\|");
}

function sectionOf({ text }: PluginPage, title: string): string {
  const [, after = ""] = text.split(new RegExp(`^## ${title}\\n`, "m"));
  return (after.split(/^## /m)[0] ?? "").trim();
}

/** All plugins' folders below `root`. */
export function readPluginPages(root: string): PluginPage[] {
  const plugins = join(root, "src/plugins");
  const folders = readdirSync(plugins, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  return folders.map(({ name }) => {
    const read = (file: string) => readFileSync(join(plugins, name, file), "utf8");
    const sources = readdirSync(join(plugins, name)).filter((file) => /(?<!_test)\.ts$/.test(file));
    return { name, text: read("README.md"), code: sources.map(read).join("\n") };
  });
}

if (import.meta.main) {
  const root = join(import.meta.dirname, "..");
  const path = join(root, "README.md");
  const text = readFileSync(path, "utf8");
  const updated = withPluginTable(text, readPluginPages(root));
  if (updated !== text) {
    writeFileSync(path, updated);
    process.stdout.write("updated README.md\n");
  }
}

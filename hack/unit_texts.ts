/**
 * Keeps src/install/unit_texts.ts in step with deploy/systemd: `npm run fmt`. The files there are
 * what is meant; the executable, which writes them on other machines, has them as text.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const UNITS = join(ROOT, "deploy", "systemd");
const TARGET = join(ROOT, "src", "install", "unit_texts.ts");
/** What stands first in a drop-in, or is one; examples and pages are not installed. */
const INSTALLED = /\.(?:service|path|conf)$/;

/** The module that holds `files`, by name. */
export function unitTexts(files: Readonly<Record<string, string>>): string {
  const entries = Object.entries(files).map(([name, text]) => {
    const escaped = text.replace(/[\\`]|\$\{/g, "\\$&");
    return `  "${name}": \`\\\n${escaped}\`,\n`;
  });
  return [
    "/** The files of deploy/systemd, which are what is meant: written by hack/unit_texts.ts. */\n\n",
    "// biome-ignore format: texts as they are\n",
    `export const UNIT_TEXTS = {\n${entries.join("")}} as const;\n\n`,
    "export type UnitName = keyof typeof UNIT_TEXTS;\n",
  ].join("");
}

/** The files that an installation writes. */
export function readUnits(): Record<string, string> {
  const names = readdirSync(UNITS).filter((name) => INSTALLED.test(name));
  return Object.fromEntries(
    names.sort().map((name) => [name, readFileSync(join(UNITS, name), "utf8")]),
  );
}

if (import.meta.main) writeFileSync(TARGET, unitTexts(readUnits()));

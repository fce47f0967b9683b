/** Writes the Corefile that was made of a template, whole or not at all. */

import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";

/**
 * Writes `text` unless the file has it already; readers see the old text or the new one.
 *
 * @returns `null`, or why it could not be written.
 */
export function writeCorefile(path: string, text: string): string | null {
  const target = targetOf(path);
  if (contentOf(target) === text) return null;
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}`);
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, target);
    return null;
  } catch (error) {
    rmSync(temporary, { force: true });
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
}

/** A link stays what it is: the file behind it is replaced. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function contentOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

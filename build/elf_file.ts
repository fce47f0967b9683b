/** What an ELF file says of itself: the libraries it needs, and its interpreter. */

import { execFileSync } from "node:child_process";

export interface ElfFile {
  /** Names such as `libc.so.6`. */
  readonly needed: readonly string[];
  /** The loader; `null` in a library. */
  readonly interpreter: string | null;
}

/** Reads files of any architecture. @throws {Error} when the file is none. */
export function readElf(path: string): ElfFile {
  const text = execFileSync("readelf", ["--wide", "--dynamic", "--program-headers", path], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return {
    needed: [...text.matchAll(/\(NEEDED\).*\[(.+)\]$/gm)].map(([, name = ""]) => name),
    interpreter: /\[Requesting program interpreter: (.+)\]/.exec(text)?.[1] ?? null,
  };
}

/**
 * Gives up the pages of program files that were only needed to start.
 *
 * A runtime touches some 50 MB of its own code and constants on the way up and needs a fifth of it
 * afterwards. Such pages are the file's: giving them up loses nothing, and what is needed after all
 * comes back from the page cache, sixteen pages at a fault (madvise(2), MADV_DONTNEED).
 */

import { readFileSync } from "node:fs";

/** A piece of a file in our memory. */
export interface FileMapping {
  readonly start: bigint;
  readonly lengthBytes: number;
}

const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) r-([x-])p [0-9a-f]+ \S+ ([1-9][0-9]*) /;

/** The mappings of this process that are the file's, page by page. */
export function readFileMappings(): FileMapping[] {
  return fileMappings(readFileSync("/proc/self/smaps", "utf8"));
}

/**
 * Of `smaps` (proc_pid_smaps(5)), what is private, not writable, and has no page of its own: one
 * that was written to, by the linker for example, would be lost.
 */
export function fileMappings(smaps: string): FileMapping[] {
  const mappings: FileMapping[] = [];
  let found: FileMapping | null = null;
  for (const line of smaps.split("\n")) {
    const match = MAPPING.exec(line);
    if (match !== null) {
      const start = BigInt(`0x${match[1]}`);
      found = { start, lengthBytes: Number(BigInt(`0x${match[2]}`) - start) };
    } else if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) {
      found = null;
    } else if (found !== null && /^Anonymous: +0 kB$/.test(line)) {
      mappings.push(found);
    }
  }
  return mappings;
}

/** Sizes of memory: `64MiB`, `64M`, `64mb`, `1g`, `0.5GiB`, plain bytes. */

const UNITS = "KMGT";

/**
 * Reads a size. Every unit is a power of 1024, with or without `i` and `B`, in any case: a budget
 * of `64M` that means 64,000,000 would surprise more people than it serves.
 *
 * @returns whole bytes, `null` when it is no size.
 */
export function parseByteSize(text: string): number | null {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?(?:([KMGT])(?:i?B)?|B)?$/i.exec(text);
  if (match === null) return null;
  const power = match[2] === undefined ? 0 : UNITS.indexOf(match[2].toUpperCase()) + 1;
  const sizeBytes = Math.floor(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : null;
}

/** Writes bytes with the largest unit that keeps the number whole or short: `64MiB`, `1.5GiB`. */
export function formatByteSize(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = "B";
  for (const letter of UNITS) {
    if (value < 1024) break;
    value /= 1024;
    unit = `${letter}iB`;
  }
  return `${Math.round(value * 100) / 100}${unit}`;
}

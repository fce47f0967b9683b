/** Durations as Go's ParseDuration reads them: `1h2m3.5s`, `500ms`, `-1.5h`, `0`. */

/** Milliseconds of one unit. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00B5s": 1e-3, // micro sign
  "\u03BCs": 1e-3, // Greek mu
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

// Largest int64 of nanoseconds, in milliseconds: about 292 years.
const DURATION_MS_MAX = 2 ** 63 / 1e6;

/**
 * Reads a Go duration. Every number needs a unit, only `0` may stand alone.
 *
 * @returns milliseconds, possibly negative or with a fraction; `null` when it is no duration.
 */
export function parseDuration(text: string): number | null {
  const [, sign, rest] = /^([-+]?)(.*)$/s.exec(text) as RegExpExecArray;
  if (rest === "0") return 0;
  if (!/^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|\u00B5s|\u03BCs|ms|s|m|h))+$/.test(rest)) {
    return null;
  }
  let total = 0;
  for (const [, number, unit] of rest.matchAll(/([0-9.]+)([^0-9.]+)/g)) {
    total += Number(number) * UNIT_MS[unit];
  }
  if (total > DURATION_MS_MAX) return null;
  return sign === "-" ? -total : total;
}

/**
 * Building blocks of settings schemas. Their messages say what is expected, so that one text serves
 * the Corefile's errors, the schema and its users: "a whole number of seconds from 1".
 */

import * as z from "zod/mini";

/** A whole number from `min` to `max`; `expected` describes it. */
export function wholeNumber(
  min: number,
  expected: string,
  max = 2 ** 31 - 1,
): z.ZodMiniType<number> {
  const error = max < 2 ** 31 - 1 ? `${expected} to ${max}` : expected;
  return z.int({ error }).check(z.gte(min, { error }), z.lte(max, { error }));
}

/**
 * Milliseconds from `minMs` to `maxMs`; `expected` describes them as a duration with an example.
 */
export function durationMs(
  minMs: number,
  expected: string,
  maxMs = Number.MAX_SAFE_INTEGER,
): z.ZodMiniType<number> {
  const error = expected;
  return z.number({ error }).check(z.gte(minMs, { error }), z.lte(maxMs, { error }));
}

/** A normalised zone. */
export const zone: z.ZodMiniType<string> = z
  .string()
  .check(z.minLength(1), z.endsWith(".", { error: "a zone with its final dot" }));

/** Where something stands in the configuration, for problems found after parsing. */
export const place = z.object({ file: z.string(), line: z.int(), column: z.int() });

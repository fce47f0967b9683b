/** What `loadbalance` means, as plain values: they travel to the workers in the plan. */

import * as z from "zod/mini";
import { durationMs, wholeNumber } from "../values.ts";

const addressBytes = z
  .array(wholeNumber(0, "a byte from 0", 0xff))
  .check(z.refine((bytes) => bytes.length === 4 || bytes.length === 16));

/** Addresses of one name that are to be the first more or less often than others. */
const weightedName = z.object({
  /** With its final dot, in small letters. */
  name: z.string(),
  addresses: z.array(
    z.object({ bytes: addressBytes, weight: wholeNumber(1, "a weight from 1", 255) }),
  ),
});

const prefix = z.object({
  bytes: addressBytes,
  bits: wholeNumber(0, "a number of bits from 0", 128),
});

export const loadbalanceSettings = z.object({
  policy: z.enum(["round_robin", "weighted"]),
  /** Addresses in these come first, those of the first of them before others. */
  prefer: z.array(prefix),
  /** Where the weights come from, for `weighted`. */
  file: z.optional(z.string()),
  /** How often the file is looked at again; 0 is never. */
  reloadMs: durationMs(0, "a duration from 0, such as 30s"),
  names: z.array(weightedName),
});

export type WeightedName = z.infer<typeof weightedName>;
export type AddressPrefix = z.infer<typeof prefix>;
export type LoadbalanceSettings = z.infer<typeof loadbalanceSettings>;

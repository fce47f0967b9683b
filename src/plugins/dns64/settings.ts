/** What `dns64` means, as plain values: they travel to the workers in the plan. */

import * as z from "zod/mini";
import { wholeNumber } from "../values.ts";

/** Where an address may be put behind a prefix (RFC 6052 §2.2). */
export const PREFIX_BITS: readonly number[] = [32, 40, 48, 56, 64, 96];
export const PREFIX_DEFAULT = "64:ff9b::/96";

export const dns64Settings = z.object({
  prefix: z.object({
    bytes: z.array(wholeNumber(0, "a byte from 0", 0xff)).check(z.length(16)),
    bits: z.int().check(z.refine((bits) => PREFIX_BITS.includes(bits))),
  }),
  /** Also names that have AAAA records. */
  translateAll: z.boolean(),
  /** Also for clients that ask over IPv4. */
  allowIpv4: z.boolean(),
});

export type Dns64Settings = z.infer<typeof dns64Settings>;

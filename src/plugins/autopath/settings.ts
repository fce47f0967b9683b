/** What `autopath` means, as plain values: they travel to the workers in the plan. */

import * as z from "zod/mini";
import { zone } from "../values.ts";

export const autopathSettings = z.object({
  zones: z.array(zone),
  /** The clients' search list, normalised, first element first. */
  search: z.array(zone),
  /** Where it comes from. */
  file: z.string(),
});

export type AutopathSettings = z.infer<typeof autopathSettings>;

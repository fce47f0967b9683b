/** What `view` means, as plain values: they travel to the workers in the plan. */

import * as z from "zod/mini";

export const viewSettings = z.object({
  name: z.string().check(z.minLength(1)),
  /** All of them must be true. */
  expressions: z.array(z.string()).check(z.minLength(1)),
});

export type ViewSettings = z.infer<typeof viewSettings>;

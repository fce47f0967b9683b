/** `local` directives: there is nothing to be set. See README.md. */

import * as z from "zod/mini";
import { plainSetup } from "../plain_setup.ts";
import { LOCALHOST_REQUESTS } from "./counters.ts";

const settings = z.object({});

export const localSetup = {
  ...plainSetup("local", settings),
  counters: () => [LOCALHOST_REQUESTS],
};

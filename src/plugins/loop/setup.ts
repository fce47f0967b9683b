/** `loop` directives: there is nothing to be set. See README.md. */

import * as z from "zod/mini";
import { plainSetup } from "../plain_setup.ts";

const settings = z.object({});

export const loopSetup = plainSetup("loop", settings);

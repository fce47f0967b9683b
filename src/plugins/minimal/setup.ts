/** `minimal` directives: there is nothing to be set. See README.md. */

import * as z from "zod/mini";
import { plainSetup } from "../plain_setup.ts";

const settings = z.object({});

/** What it does is in wire/minimal_reply.ts, when a reply is stored. */
export const minimalSetup = plainSetup("minimal", settings);

/** `debug` directives: there is nothing to be set. See README.md. */

import * as z from "zod/mini";
import { plainSetup } from "../plain_setup.ts";
import type { PluginSetup } from "../plugin_setup.ts";

export const debugSetup: PluginSetup<Record<string, never>> = {
  ...plainSetup("debug", z.object({})),
  contribute: (_settings, view) => {
    view.debug = true;
    view.stacktrace = true;
  },
};

/** `ready` directives: where it can be asked whether queries are welcome. See README.md. */

import * as z from "zod/mini";
import { DirectiveReader } from "../directive_reader.ts";
import { listenAddress, readListenAddress } from "../listen_address.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup } from "../plugin_setup.ts";

const ADDRESS = ":8181";
const MONITORS = ["until-ready", "continuously"] as const;

const readySettings = z.object({ address: listenAddress, monitor: z.enum(MONITORS) });

export type ReadySettings = z.infer<typeof readySettings>;

export const readySetup: PluginSetup<ReadySettings> = {
  name: "ready",
  order: pluginOrder("ready"),
  schema: readySettings,
  parse(directives, { problems }) {
    const reader = new DirectiveReader("ready", problems);
    const directive = reader.once(directives);
    reader.count(directive, { min: 0, max: 1, syntax: "ready [ADDRESS]" });
    let monitor: ReadySettings["monitor"] = "until-ready";
    reader.options(directive, {
      monitor: (line) => {
        if (!reader.count(line, { min: 1, syntax: "monitor until-ready|continuously" })) return;
        monitor = reader.choice(line.args[0], "monitor", MONITORS) ?? monitor;
      },
    });
    return { address: readListenAddress(reader, directive.args[0], ADDRESS) ?? ADDRESS, monitor };
  },
  contribute: () => {},
};

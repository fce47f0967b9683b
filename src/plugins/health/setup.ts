/** `health` directives: where it can be asked whether the process works. See README.md. */

import * as z from "zod/mini";
import { DirectiveReader } from "../directive_reader.ts";
import { listenAddress, readListenAddress } from "../listen_address.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup } from "../plugin_setup.ts";
import { durationMs } from "../values.ts";

const ADDRESS = ":8080";
const LAMEDUCK_MS_MAX = 3_600_000;

const lameduck = durationMs(0, "a duration from 0s to 1h, such as 5s", LAMEDUCK_MS_MAX);

const healthSettings = z.object({
  address: listenAddress,
  /** From the signal to stop until the stop begins. */
  lameduckMs: lameduck,
});

export type HealthSettings = z.infer<typeof healthSettings>;

export const healthSetup: PluginSetup<HealthSettings> = {
  name: "health",
  order: pluginOrder("health"),
  schema: healthSettings,
  parse(directives, { problems }) {
    const reader = new DirectiveReader("health", problems);
    const directive = reader.once(directives);
    reader.count(directive, { min: 0, max: 1, syntax: "health [ADDRESS]" });
    let lameduckMs = 0;
    reader.options(directive, {
      lameduck: (line) => {
        if (!reader.count(line, { min: 1, syntax: "lameduck DURATION" })) return;
        lameduckMs = reader.durationMs(line.args[0], "lameduck", lameduck) ?? 0;
      },
    });
    const address = readListenAddress(reader, directive.args[0], ADDRESS) ?? ADDRESS;
    return { address, lameduckMs };
  },
  contribute: () => {},
};

/** `pprof` directives: where profiles can be fetched. See README.md. */

import * as z from "zod/mini";
import { DirectiveReader } from "../directive_reader.ts";
import { listenAddress, readListenAddress } from "../listen_address.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup } from "../plugin_setup.ts";
import { wholeNumber } from "../values.ts";

const ADDRESS = "localhost:6053";

const pprofSettings = z.object({ address: listenAddress });

export type PprofSettings = z.infer<typeof pprofSettings>;

export const pprofSetup: PluginSetup<PprofSettings> = {
  name: "pprof",
  order: pluginOrder("pprof"),
  schema: pprofSettings,
  parse(directives, { problems }) {
    const reader = new DirectiveReader("pprof", problems);
    const directive = reader.once(directives);
    reader.count(directive, { min: 0, max: 1, syntax: "pprof [ADDRESS]" });
    reader.options(directive, {
      block: (line) => {
        if (!reader.count(line, { min: 0, max: 1, syntax: "block [RATE]" })) return;
        const rate = wholeNumber(0, "a whole number from 0");
        const [token] = line.args;
        if (token !== undefined && reader.integer(token, "rate", rate) === null) return;
        reader.noEffect(line.name, '"block": nothing here waits for locks, so it');
      },
    });
    return { address: readListenAddress(reader, directive.args[0], ADDRESS) ?? ADDRESS };
  },
  contribute: () => {},
};

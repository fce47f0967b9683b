/** `prometheus` directives: where metrics are served. See README.md. */

import * as z from "zod/mini";
import { DirectiveReader } from "../directive_reader.ts";
import { listenAddress, readListenAddress } from "../listen_address.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup } from "../plugin_setup.ts";

const ADDRESS = "localhost:9153";

const prometheusSettings = z.object({ address: listenAddress });

export type PrometheusSettings = z.infer<typeof prometheusSettings>;

export const prometheusSetup: PluginSetup<PrometheusSettings> = {
  name: "prometheus",
  order: pluginOrder("prometheus"),
  schema: prometheusSettings,
  parse(directives, { problems }) {
    const reader = new DirectiveReader("prometheus", problems);
    const directive = reader.once(directives);
    reader.count(directive, { min: 0, max: 1, syntax: "prometheus [ADDRESS]" });
    reader.options(directive, {});
    return { address: readListenAddress(reader, directive.args[0], ADDRESS) ?? ADDRESS };
  },
  contribute: (_settings, view) => {
    view.metrics = true;
  },
};

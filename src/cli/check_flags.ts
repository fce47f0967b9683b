/** Flags of `nodens check`: those of the server, so that the arguments of a DaemonSet will do. */

import type { Flag } from "./go_flags.ts";
import { RUN_FLAGS, TEMPLATE } from "./run_flags.ts";

/** What a configuration is made of; the server's other flags are accepted, and not in help. */
const SHOWN = ["conf", "dns.port", "localip"];
const GROUP = "Flags";

export const CHECK_FLAGS: readonly Flag[] = [
  ...RUN_FLAGS.filter(({ name }) => name !== "help").map((flag) => ({
    ...flag,
    group: flag.group === TEMPLATE ? TEMPLATE : GROUP,
    isHidden: flag.group !== TEMPLATE && !SHOWN.includes(flag.name),
  })),
  { name: "json", value: null, description: "print the result as JSON", group: GROUP },
  { name: "help", aliases: ["h"], value: null, description: "print this", group: GROUP },
];

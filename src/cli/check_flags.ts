/** Flags of `nodens check`. */

import { readPort } from "./flag_values.ts";
import type { Flag } from "./go_flags.ts";

export const CHECK_FLAGS: readonly Flag[] = [
  {
    name: "dns.port",
    aliases: ["p"],
    value: "PORT",
    description: "port of server blocks that name none",
    shownDefault: "53",
    group: "Flags",
    read: readPort,
  },
  { name: "json", value: null, description: "print the result as JSON", group: "Flags" },
  { name: "help", aliases: ["h"], value: null, description: "print this", group: "Flags" },
];

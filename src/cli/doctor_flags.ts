/** Flags of `nodens doctor`. */

import { readAddresses, readInterfaceName } from "./flag_values.ts";
import type { Flag } from "./go_flags.ts";

export const DOCTOR_FLAGS: readonly Flag[] = [
  {
    name: "localip",
    value: "IPS",
    description: "addresses that are to be taken over",
    group: "Flags",
    read: readAddresses,
  },
  {
    name: "interfacename",
    value: "NAME",
    description: "name of the interface",
    shownDefault: "nodelocaldns",
    group: "Flags",
    read: readInterfaceName,
  },
  { name: "json", value: null, description: "print the result as JSON", group: "Flags" },
  { name: "help", aliases: ["h"], value: null, description: "print this", group: "Flags" },
];

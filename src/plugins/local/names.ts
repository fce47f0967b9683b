// Hot path.
/** Names that mean the machine that asks (RFC 6761 §6.3), and zones that are no use elsewhere. */

import { isBelow, nameToWire } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";

/** `localhost`, the way it stands in a name. */
const LABEL = nameToWire("localhost").slice(0, -1);
const ARPA = nameToWire("arpa");
export const LOCAL_ZONES: readonly string[] = [
  "0.in-addr.arpa.",
  "127.in-addr.arpa.",
  "255.in-addr.arpa.",
  // ::1, alone.
  `1.${"0.".repeat(31)}ip6.arpa.`,
];
const ZONES = LOCAL_ZONES.map((zone) => nameToWire(zone));

/** Whether a name is `localhost`, below it, begins with it, or is in one of LOCAL_ZONES. */
export function isLocal(query: Query): boolean {
  const { nameBytes, nameLength, labels, labelCount } = query;
  if (labelCount === 0) return false;
  if (isLabel(nameBytes, labels[labelCount - 1]!) || isLabel(nameBytes, 0)) return true;
  if (!isBelow(ARPA, nameBytes, nameLength)) return false;
  for (let index = 0; index < ZONES.length; index++) {
    if (isBelow(ZONES[index]!, nameBytes, nameLength)) return true;
  }
  return false;
}

function isLabel(name: Uint8Array, start: number): boolean {
  for (let at = 0; at < LABEL.length; at++) {
    if (name[start + at] !== LABEL[at]) return false;
  }
  return true;
}

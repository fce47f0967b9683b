/** RCODEs as labels. */

import { RCODE_OTHER } from "../handoff/metrics_memory.ts";

const NAMES: readonly string[] = [
  ...["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET"],
  ...["NXRRSET", "NOTAUTH", "NOTZONE"],
];
const NAMES_FROM_16: readonly string[] = ["BADVERS", "BADKEY", "BADTIME"];

/** As Go's DNS library spells them. */
export function rcodeLabel(rcode: number): string {
  if (rcode === RCODE_OTHER) return "other";
  return NAMES[rcode] ?? NAMES_FROM_16[rcode - 16] ?? `RCODE${rcode}`;
}

// Hot path.
/** EDNS options that plugins want to go upstream with a question. */

import { TRANSPORT_EXCHANGE } from "./client.ts";
import type { Plane } from "./plane.ts";

/**
 * Keeps the options of `plane.query` with its pending question `slot`. Only plugins say what goes
 * upstream: what clients put into EDNS ends here.
 */
export function keepOptions(plane: Plane, slot: number): void {
  const { query, client, pending } = plane;
  if (query.optionsLength === 0 || client.transport !== TRANSPORT_EXCHANGE) return;
  const { optionsOffset, optionsLength } = query;
  pending.options.set(slot, plane.bytes.slice(optionsOffset, optionsOffset + optionsLength));
}

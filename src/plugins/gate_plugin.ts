/**
 * What a plugin is that stands right before the cache and knows of some questions that there is
 * nothing to be had: it denies them at once, with the SOA of a zone of its own making.
 *
 *   client ─ plugins before the cache ─ gate ─ cache ─ plugins behind it, upstreams
 *                                        └─ NODATA or NXDOMAIN
 *
 * Lives in the data plane, on the way of every query of a server block with such plugins.
 */

import { TYPE_SOA } from "../wire/constants.ts";
import { encodeRecordTail, recordOf } from "../wire/message.ts";
import { nameToWire, wireToName } from "../wire/name.ts";
import type { Query } from "../wire/query.ts";
import { joinBytes, words16 } from "../wire/rdata_parts.ts";

/** An answer without records; one object for all questions that it answers. */
export interface Denial {
  readonly rcode: number;
  /** Length of the wire name of the zone, which the name of the query is in. */
  readonly zoneLength: number;
  /** The SOA behind its owner, see wire/denial_answer.ts. */
  readonly soa: Uint8Array;
}

export interface GatePlugin {
  /** Hot path: whether the query is denied, and how; null when it goes on. Allocates nothing. */
  deny(query: Query): Denial | null;
}

/** Both the TTL of such a SOA and what it says about how long denials hold. */
const DENIAL_SEC = 60;

/** @param zone normalised text. */
export function denialOf(zone: string, rcode: number): Denial {
  const wire = nameToWire(zone);
  // Nobody is to be asked about the root; below other zones names are as cluster DNS has them.
  const isRoot = wire.length === 1;
  const names = isRoot ? [wire, wire] : [`ns.dns.${zone}`, `hostmaster.${zone}`].map(nameOrRoot);
  const numbers = [1, 60, 60, 60, DENIAL_SEC].map((number) => words16(0, number));
  const rdata = joinBytes(...names, ...numbers);
  const soa = encodeRecordTail(recordOf(wireToName(wire), TYPE_SOA, DENIAL_SEC, rdata));
  return { rcode, zoneLength: wire.length, soa };
}

function nameOrRoot(name: string): Uint8Array {
  try {
    return nameToWire(name);
  } catch {
    // A zone that fills a name to its last byte.
    return nameToWire(".");
  }
}

// Hot path.
/**
 * Writes an answer that denies: header, question, and in the authority section the SOA of a zone
 * that the name is in, made once for all answers.
 *
 *   header 12 | question as asked | owner (pointer into the question), SOA | OPT if there was one
 */

import { writeError } from "./answer.ts";
import {
  FLAG_AA,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_NSCOUNT,
  POINTER_BITS,
  POINTER_BYTES,
} from "./constants.ts";
import type { Query } from "./query.ts";

/** A zone that is the root alone is shorter than a pointer. */
const ROOT_BYTES = 1;

/**
 * Writes the authoritative answer to `query`. A SOA that does not fit is left out.
 *
 * @param target as for `writeError`, with room for `limitBytes`.
 * @param zoneLength of the zone's wire name, in which the name of the query ends.
 * @param soa the record behind its owner: TYPE, CLASS, TTL, RDLENGTH and data.
 * @returns the bytes written.
 */
export function writeDenial(
  ioWords: Int32Array,
  ioView: DataView,
  target: number,
  limitBytes: number,
  query: Query,
  rcode: number,
  zoneLength: number,
  soa: Uint8Array,
): number {
  const bare = writeError(ioWords, ioView, target, limitBytes, query, rcode);
  const flags = target + HEADER_FLAGS;
  ioView.setUint16(flags, ioView.getUint16(flags) | FLAG_AA);
  const ownerBytes = zoneLength === ROOT_BYTES ? ROOT_BYTES : POINTER_BYTES;
  const recordBytes = ownerBytes + soa.length;
  if (bare + recordBytes > limitBytes) return bare;
  const record = HEADER_BYTES + query.questionLength;
  // Records of the additional section, which is the OPT, come last.
  for (let at = bare - 1; at >= record; at--) {
    ioView.setUint8(target + at + recordBytes, ioView.getUint8(target + at));
  }
  ioView.setUint16(target + HEADER_NSCOUNT, 1);
  if (ownerBytes === ROOT_BYTES) {
    ioView.setUint8(target + record, 0);
  } else {
    const zone = HEADER_BYTES + query.nameLength - zoneLength;
    ioView.setUint16(target + record, (POINTER_BITS << 8) | zone);
  }
  const from = target + record + ownerBytes;
  for (let at = 0; at < soa.length; at++) ioView.setUint8(from + at, soa[at]!);
  return bare + recordBytes;
}

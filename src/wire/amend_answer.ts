// Hot path.
/**
 * Changes an answer that `writeAnswer` has just written: other TTLs, an extended error (RFC 8914).
 */

import { OPT_BYTES, OPTION_EDE, OPTION_HEADER_BYTES } from "./constants.ts";

const TTL_BYTES = 4;
const RDLENGTH_BYTES = 2;
const OPTION_LENGTH = 2;
const INFO_CODE_BYTES = 2;
const EDE_BYTES = OPTION_HEADER_BYTES + INFO_CODE_BYTES;

/**
 * Sets the TTLs of all records of an answer.
 *
 * @param lengthBytes of the answer, its OPT included if `hasOpt` is 1.
 * @param ttlsOffset in `fromView`: `ttlCount` offsets in the message, as `writeAnswer` got them.
 */
export function setTtls(
  ioView: DataView,
  target: number,
  lengthBytes: number,
  hasOpt: number,
  fromView: DataView,
  ttlsOffset: number,
  ttlCount: number,
  ttlSec: number,
): void {
  const end = lengthBytes - hasOpt * OPT_BYTES;
  // Offsets rise: those behind the end are of records that were left out, or torn.
  if (ttlsOffset + (ttlCount << 1) > fromView.byteLength) return;
  for (let index = 0; index < ttlCount; index++) {
    const ttl = fromView.getUint16(ttlsOffset + (index << 1), true);
    if (ttl + TTL_BYTES > end) break;
    ioView.setUint32(target + ttl, ttlSec);
  }
}

/**
 * Adds an extended error to the OPT with which the answer ends, if the client takes so much.
 *
 * @param hasOpt 1 when it does end with an OPT; it has no options.
 * @param target where the answer begins; there is room for `limitBytes`.
 * @returns the length of the answer.
 */
export function addExtendedError(
  ioView: DataView,
  target: number,
  lengthBytes: number,
  limitBytes: number,
  hasOpt: number,
  infoCode: number,
): number {
  if (hasOpt === 0 || lengthBytes + EDE_BYTES > limitBytes) return lengthBytes;
  const at = target + lengthBytes;
  ioView.setUint16(at - RDLENGTH_BYTES, EDE_BYTES);
  ioView.setUint16(at, OPTION_EDE);
  ioView.setUint16(at + OPTION_LENGTH, INFO_CODE_BYTES);
  ioView.setUint16(at + OPTION_HEADER_BYTES, infoCode);
  return lengthBytes + EDE_BYTES;
}

// Hot path.
/** Adds an option to the OPT record that an answer ends in. */

import {
  OPT_BYTES,
  OPTION_HEADER_BYTES,
  RECORD_RDLENGTH,
  RECORD_TYPE,
  TYPE_OPT,
} from "./constants.ts";

/**
 * Options that are in the OPT already take so much at most: an extended error (RFC 8914) with its
 * text.
 */
const OPTIONS_BYTES_MAX = 128;

/**
 * Appends option `code` to the answer of `length` bytes at `target`. One without OPT, or without
 * room for it, stays as it is.
 *
 * @param limitBytes what the answer may take.
 * @returns its length.
 */
export function appendOption(
  bytes: Uint8Array,
  view: DataView,
  target: number,
  length: number,
  limitBytes: number,
  code: number,
  data: Uint8Array,
): number {
  const longer = length + OPTION_HEADER_BYTES + data.length;
  if (longer > limitBytes) return length;
  const opt = findOpt(bytes, view, target, length);
  if (opt === 0) return length;
  const lengthAt = opt + 1 + RECORD_RDLENGTH;
  view.setUint16(lengthAt, view.getUint16(lengthAt) + OPTION_HEADER_BYTES + data.length);
  const at = target + length;
  view.setUint16(at, code);
  view.setUint16(at + 2, data.length);
  for (let index = 0; index < data.length; index++) {
    bytes[at + OPTION_HEADER_BYTES + index] = data[index]!;
  }
  return longer;
}

/** Where the OPT begins that fills the answer to its end; 0 when there is none. */
function findOpt(bytes: Uint8Array, view: DataView, target: number, length: number): number {
  for (let optionsBytes = 0; optionsBytes <= OPTIONS_BYTES_MAX; optionsBytes++) {
    const opt = target + length - OPT_BYTES - optionsBytes;
    if (opt <= target) return 0;
    const isOpt = bytes[opt] === 0 && view.getUint16(opt + 1 + RECORD_TYPE) === TYPE_OPT;
    if (isOpt && view.getUint16(opt + 1 + RECORD_RDLENGTH) === optionsBytes) return opt;
  }
  return 0;
}

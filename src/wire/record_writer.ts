// Hot path.
/**
 * Writes records into a message, their names compressed against what the message holds already.
 *
 *   12: a.example.org  15 bytes     Remembered is each place where the rest of a name begins, and
 *   14:   example.org  13 bytes     the length of that rest. A later name with the same rest ends
 *   22:           org   5 bytes     in a pointer to that place.
 *
 * One message at a time: the memory of places is the module's and begins anew with `beginRecords`.
 */

import { expandName, isSameAsPlain, nameEnd } from "./compressed_name.ts";
import {
  HEADER_BYTES,
  NAME_BYTES_MAX,
  POINTER_BITS,
  POINTER_BYTES,
  POINTER_MASK,
  RECORD_FIXED_BYTES,
  RECORD_RDLENGTH,
  RECORD_TYPE,
} from "./constants.ts";
import { isRdataCompressible, rdataFirstName, rdataNameCount } from "./rdata.ts";

/**
 * Enough for the many names of few zones that a reply has. The bound on work, whatever the reply: a
 * label that is found nowhere is written, so at most 32767 labels each look at all places, some 4
 * ms.
 */
const PLACES_MAX = 128;
const NOWHERE = 0;

// Borrowed by each call, so that nothing is allocated.
const plainName = new Uint8Array(new SharedArrayBuffer(NAME_BYTES_MAX + 1));
const placeOffsets = new Uint16Array(PLACES_MAX);
const placeLengths = new Uint8Array(PLACES_MAX);
let placeCount = 0;
let messageStart = 0;

/** Forgets the message before, and remembers the name in the question of the one at `target`. */
export function beginRecords(toBytes: Uint8Array, target: number, nameLength: number): void {
  placeCount = 0;
  messageStart = target;
  let at = HEADER_BYTES;
  const end = HEADER_BYTES + nameLength;
  while (toBytes[target + at] !== 0) {
    rememberPlace(at, end - at);
    at += 1 + toBytes[target + at];
  }
}

/**
 * Writes the record whose owner stands at `owner` and whose TYPE stands at `fixed` in the message
 * `bytes[message…]` to `toBytes[at, end)`.
 *
 * @returns where its TYPE stands now; 0 when it does not fit.
 */
export function writeRecord(
  bytes: Uint8Array,
  view: DataView,
  message: number,
  owner: number,
  fixed: number,
  toBytes: Uint8Array,
  toView: DataView,
  at: number,
  end: number,
): number {
  const fixedAt = writeName(bytes, message, owner, toBytes, at, end, 1);
  if (fixedAt === 0 || fixedAt + RECORD_FIXED_BYTES > end) return 0;
  copy(bytes, fixed, toBytes, fixedAt, RECORD_FIXED_BYTES);
  const type = view.getUint16(fixed + RECORD_TYPE);
  const rdataEnd = fixed + RECORD_FIXED_BYTES + view.getUint16(fixed + RECORD_RDLENGTH);
  const nameCount = rdataNameCount(type);
  let from = fixed + RECORD_FIXED_BYTES;
  let to = fixedAt + RECORD_FIXED_BYTES;
  if (nameCount !== 0) {
    const prefixLength = rdataFirstName(bytes, type, from, rdataEnd) - from;
    if (to + prefixLength > end) return 0;
    copy(bytes, from, toBytes, to, prefixLength);
    from += prefixLength;
    to += prefixLength;
    for (let name = 0; name < nameCount; name++) {
      to = writeName(bytes, message, from, toBytes, to, end, isRdataCompressible(type));
      if (to === 0) return 0;
      from = nameEnd(bytes, message, from, rdataEnd);
    }
  }
  const tailLength = rdataEnd - from;
  if (to + tailLength > end) return 0;
  copy(bytes, from, toBytes, to, tailLength);
  toView.setUint16(fixedAt + RECORD_RDLENGTH, to + tailLength - fixedAt - RECORD_FIXED_BYTES);
  return fixedAt;
}

/**
 * Writes the name at `start` of a message to `at` and returns where it ends, 0 when it does not
 * fit.
 */
function writeName(
  bytes: Uint8Array,
  message: number,
  start: number,
  toBytes: Uint8Array,
  at: number,
  end: number,
  compress: number,
): number {
  const nameLength = expandName(bytes, message, start, plainName);
  let label = 0;
  let place = NOWHERE;
  if (compress === 1) {
    while (plainName[label] !== 0) {
      place = findPlace(toBytes, label, nameLength - label);
      if (place !== NOWHERE) break;
      rememberPlace(at + label - messageStart, nameLength - label);
      label += 1 + plainName[label];
    }
  }
  if (place === NOWHERE) {
    if (at + nameLength > end) return 0;
    copy(plainName, 0, toBytes, at, nameLength);
    return at + nameLength;
  }
  if (at + label + POINTER_BYTES > end) return 0;
  copy(plainName, 0, toBytes, at, label);
  toBytes[at + label] = POINTER_BITS | (place >> 8);
  toBytes[at + label + 1] = place & 0xff;
  return at + label + POINTER_BYTES;
}

/** A remembered place where the rest of `plainName` from `label` stands, or NOWHERE. */
function findPlace(toBytes: Uint8Array, label: number, restLength: number): number {
  for (let index = 0; index < placeCount; index++) {
    if (placeLengths[index] !== restLength) continue;
    const place = placeOffsets[index];
    if (isSameAsPlain(toBytes, messageStart, messageStart + place, plainName, label)) return place;
  }
  return NOWHERE;
}

function rememberPlace(place: number, restLength: number): void {
  if (placeCount === PLACES_MAX || place > POINTER_MASK) return;
  placeOffsets[placeCount] = place;
  placeLengths[placeCount] = restLength;
  placeCount++;
}

function copy(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  for (let index = 0; index < length; index++) to[toAt + index] = from[fromAt + index];
}

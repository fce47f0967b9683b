// Hot path.
/**
 * Copies a reply into the form in which it is stored and served.
 *
 *   header | question, name folded | answer | authority | additional without OPT
 *
 * Clean means: owners that equal the question's name are pointers to it (c00c), so that whoever
 * puts another client's question there changes the case of all; records of one set have one TTL
 * below 2^31; the SOA of a negative answer has the TTL that the answer has; nothing follows the
 * records. Reads only replies that `readReply` has accepted. Allocates nothing, throws nothing.
 */

import { foldByte, isSameName } from "./compressed_name.ts";
import {
  HEADER_ANCOUNT,
  HEADER_ARCOUNT,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_ID,
  HEADER_NSCOUNT,
  HEADER_QDCOUNT,
  MESSAGE_BYTES_MAX,
  POINTER_BITS,
  RCODE_HEADER_MAX,
  RCODE_MASK,
  RCODE_SERVFAIL,
  RECORD_CLASS,
  RECORD_FIXED_BYTES,
  RECORD_RDLENGTH,
  RECORD_TTL,
  RECORD_TYPE,
  TYPE_RRSIG,
} from "./constants.ts";
import { beginRecords, writeRecord } from "./record_writer.ts";
import type { Reply } from "./reply.ts";
import { cappedTtl, isNegative } from "./reply_conclusion.ts";

/** A pointer to the name in the question. */
const QUESTION_POINTER = (POINTER_BITS << 8) | HEADER_BYTES;

/**
 * Copies `reply`, which was read from `bytes` (and `view`, the same memory), to `target`, and lists
 * where the TTL of each record stands, relative to the copy, in `ttlOffsets[0, reply.ttlCount)`.
 *
 * The id becomes 0. An rcode above 15, which needs an OPT to say it, becomes SERVFAIL: no client
 * could make sense of the rest, for OPT goes from hop to hop (RFC 6891 §6.1.1).
 *
 * @param target 4-aligned.
 * @param roomBytes what may be written at `target`; more than 65535 never is.
 * @returns the length of the copy; 0 when it cannot be kept: the reply has no question, or the copy
 * or the list does not fit.
 */
export function writeCleanReply(
  bytes: Uint8Array,
  view: DataView,
  reply: Reply,
  toBytes: Uint8Array,
  toWords: Int32Array,
  toView: DataView,
  target: number,
  roomBytes: number,
  ttlOffsets: Uint16Array,
): number {
  reply.ttlCount = 0;
  const headLength = HEADER_BYTES + reply.questionLength;
  const lengthMax = Math.min(roomBytes, MESSAGE_BYTES_MAX);
  if (reply.questionLength === 0 || headLength > lengthMax) return 0;
  if (reply.recordCount > ttlOffsets.length) return 0;
  let length = 0;
  if (isPlain(bytes, view, reply)) {
    if (reply.length > lengthMax) return 0;
    length = reply.length;
    copyBytes(bytes, view, reply.offset, length, toBytes, toWords, target);
    for (let record = 0; record < reply.recordCount; record++) {
      ttlOffsets[record] = reply.fixedParts[record] + RECORD_TTL;
    }
  } else {
    copyBytes(bytes, view, reply.offset, headLength, toBytes, toWords, target);
    length = rewriteRecords(bytes, view, reply, toBytes, toView, target, lengthMax, ttlOffsets);
    if (length === 0) return 0;
  }
  writeHead(reply, toBytes, toView, target);
  settleTtls(bytes, view, reply, toView, target, ttlOffsets);
  reply.ttlCount = reply.recordCount;
  return length;
}

/**
 * Brings each TTL of a clean reply at `target` into `ttlSecMin..ttlSecMax`, as an operator asks.
 */
export function clampTtls(
  toView: DataView,
  target: number,
  ttlOffsets: Uint16Array,
  ttlCount: number,
  ttlSecMin: number,
  ttlSecMax: number,
): void {
  for (let index = 0; index < ttlCount; index++) {
    const at = target + ttlOffsets[index];
    const ttlSec = Math.min(toView.getInt32(at), ttlSecMax);
    toView.setInt32(at, Math.max(ttlSec, ttlSecMin));
  }
}

/**
 * Whether a plain copy is clean: no OPT to take out of the middle, no owner to be made a pointer.
 */
function isPlain(bytes: Uint8Array, view: DataView, reply: Reply): boolean {
  if (reply.isOptInside === 1) return false;
  // The root has no letters, and a zero byte is shorter than a pointer.
  if (reply.nameLength === 1) return true;
  for (let record = 0; record < reply.recordCount; record++) {
    const owner = reply.offset + reply.owners[record];
    if (view.getUint16(owner) === QUESTION_POINTER) continue;
    if (isSameName(bytes, reply.offset, owner, reply.questionOffset)) return false;
  }
  return true;
}

/**
 * Writes all records anew behind the question, names compressed. Returns the length, 0 if too long.
 */
function rewriteRecords(
  bytes: Uint8Array,
  view: DataView,
  reply: Reply,
  toBytes: Uint8Array,
  toView: DataView,
  target: number,
  lengthMax: number,
  ttlOffsets: Uint16Array,
): number {
  const message = reply.offset;
  const end = target + lengthMax;
  beginRecords(toBytes, target, reply.nameLength);
  let at = target + HEADER_BYTES + reply.questionLength;
  for (let record = 0; record < reply.recordCount; record++) {
    const owner = message + reply.owners[record];
    const fixed = message + reply.fixedParts[record];
    const fixedAt = writeRecord(bytes, view, message, owner, fixed, toBytes, toView, at, end);
    if (fixedAt === 0) return 0;
    ttlOffsets[record] = fixedAt + RECORD_TTL - target;
    at = fixedAt + RECORD_FIXED_BYTES + toView.getUint16(fixedAt + RECORD_RDLENGTH);
  }
  return at - target;
}

function writeHead(reply: Reply, toBytes: Uint8Array, toView: DataView, target: number): void {
  const rcode = reply.rcode > RCODE_HEADER_MAX ? RCODE_SERVFAIL : reply.rcode;
  toView.setUint16(target + HEADER_ID, 0);
  toView.setUint16(target + HEADER_FLAGS, (reply.flags & ~RCODE_MASK) | rcode);
  toView.setUint16(target + HEADER_QDCOUNT, 1);
  toView.setUint16(target + HEADER_ANCOUNT, reply.answerCount);
  toView.setUint16(target + HEADER_NSCOUNT, reply.authorityCount);
  toView.setUint16(target + HEADER_ARCOUNT, reply.additionalCount);
  const nameStart = target + HEADER_BYTES;
  const nameEnd = nameStart + reply.nameLength;
  for (let at = nameStart; at < nameEnd; at++) toBytes[at] = foldByte(toBytes[at]);
}

/**
 * Writes the TTLs: one for all records of a set, the least (RFC 2181 §5.2), each below 2^31, and
 * for the SOA of a negative answer at most its MINIMUM (RFC 2308 §5).
 *
 * Records of a set stand together in what servers send; a set that does not only loses the
 * levelling.
 */
function settleTtls(
  bytes: Uint8Array,
  view: DataView,
  reply: Reply,
  toView: DataView,
  target: number,
  ttlOffsets: Uint16Array,
): void {
  let first = 0;
  while (first < reply.recordCount) {
    let ttlSec = ttlOf(view, reply, first);
    let next = first + 1;
    while (next < reply.recordCount && isSameSet(bytes, view, reply, first, next)) {
      ttlSec = Math.min(ttlSec, ttlOf(view, reply, next));
      next++;
    }
    for (; first < next; first++) toView.setInt32(target + ttlOffsets[first], ttlSec);
  }
}

function ttlOf(view: DataView, reply: Reply, record: number): number {
  const ttlSec = cappedTtl(view.getInt32(reply.offset + reply.fixedParts[record] + RECORD_TTL));
  if (record !== reply.soaRecord || !isNegative(reply)) return ttlSec;
  return Math.min(ttlSec, reply.soaMinimumSec);
}

function isSameSet(
  bytes: Uint8Array,
  view: DataView,
  reply: Reply,
  one: number,
  other: number,
): boolean {
  const authorityStart = reply.answerCount;
  const additionalStart = authorityStart + reply.authorityCount;
  if (other === authorityStart || other === additionalStart) return false;
  const oneFixed = reply.offset + reply.fixedParts[one];
  const otherFixed = reply.offset + reply.fixedParts[other];
  const type = view.getUint16(oneFixed + RECORD_TYPE);
  // RRSIGs of one owner belong to the sets they sign, not to each other (RFC 4034 §3).
  if (type !== view.getUint16(otherFixed + RECORD_TYPE) || type === TYPE_RRSIG) return false;
  const oneClass = view.getUint16(oneFixed + RECORD_CLASS);
  if (oneClass !== view.getUint16(otherFixed + RECORD_CLASS)) return false;
  const oneOwner = reply.offset + reply.owners[one];
  return isSameName(bytes, reply.offset, oneOwner, reply.offset + reply.owners[other]);
}

/** Copies by words from any alignment to a 4-aligned place, reading and writing nothing beyond. */
function copyBytes(
  bytes: Uint8Array,
  view: DataView,
  from: number,
  length: number,
  toBytes: Uint8Array,
  toWords: Int32Array,
  target: number,
): void {
  const toWord = target >> 2;
  const wordCount = length >> 2;
  for (let word = 0; word < wordCount; word++) {
    toWords[toWord + word] = view.getInt32(from + (word << 2), true);
  }
  for (let byte = wordCount << 2; byte < length; byte++)
    toBytes[target + byte] = bytes[from + byte];
}

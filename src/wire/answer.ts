// Hot path.
/**
 * Writes messages: answers from stored ones, errors, and queries for upstream servers.
 *
 *   stored    header | folded question | answer | authority | additional without OPT
 *   written   header | client's question | the rest, TTLs aged | OPT if the client sent one
 *
 * A stored message is clean (see clean_reply.ts): owners that equal the question's name are
 * pointers to it, so putting the client's question in its place gives them the client's case as
 * well. Message starts are 4-aligned, questions and TTLs need not be. Writing goes by whole words:
 * up to three bytes behind what is written change too. Nothing here allocates; only broken
 * preconditions throw.
 */

import { assert } from "../std/assert.ts";
import {
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  HEADER_ANCOUNT,
  HEADER_ARCOUNT,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_ID,
  HEADER_NSCOUNT,
  HEADER_QDCOUNT,
  OPCODE_MASK,
  OPT_BYTES,
  OPT_EXTENDED_RCODE,
  OPT_FLAG_DO,
  OPT_FLAGS,
  OPT_UDP_SIZE,
  OPT_VERSION,
  RCODE_FORMERR,
  RCODE_HEADER_BITS,
  RCODE_HEADER_MAX,
  RCODE_MASK,
  RCODE_SERVFAIL,
  RECORD_RDLENGTH,
  RECORD_TTL,
  RECORD_TYPE,
  TYPE_OPT,
  UDP_BYTES_MIN,
  UDP_BYTES_OWN,
} from "./constants.ts";
import type { Query } from "./query.ts";

const HEADER_WORDS = HEADER_BYTES >> 2;
/** QDCOUNT 1 and ANCOUNT 0 as one 32-bit number in network order. */
const ONE_QUESTION = 0x0001_0000;
const TTL_BYTES = 4;
/** From a record's TTL to its RDATA. */
const TTL_TO_RDATA = RECORD_RDLENGTH + 2 - RECORD_TTL;

/**
 * Writes the answer to `query` from the clean message at `messageOffset` in `from` memory to
 * `target` in `io` memory, where the client's question still stands.
 *
 * The TTL offsets at `ttlsOffset` (16 bits each, host order, relative to the message) are those of
 * all records in order, and each TTL is less than 2^31. An answer that is too long loses its
 * additional section, silently as RFC 2181 §9 allows; one that still is becomes header, question
 * and OPT with TC.
 *
 * Another worker may write over the stored message meanwhile. The bytes written are worth nothing
 * then, and the caller has to find that out; but nothing is written out of place and nothing
 * throws, whatever stands in `from` memory and whatever length and count were read there.
 *
 * @param messageOffset 4-aligned; the message may be read to the next multiple of 4.
 * @param ttlsOffset at or behind the end of the message.
 * @param ageSec seconds since the message was stored, 0 or more. A TTL that is less becomes 0.
 * @param target 4-aligned, with room for `answerRoomBytes()`.
 * @param limitBytes what the client can take, 512..65535.
 * @returns the bytes written, at most `limitBytes`.
 */
export function writeAnswer(
  fromWords: Int32Array,
  fromView: DataView,
  messageOffset: number,
  messageLength: number,
  ttlsOffset: number,
  ttlCount: number,
  ageSec: number,
  ioWords: Int32Array,
  ioView: DataView,
  target: number,
  limitBytes: number,
  query: Query,
): number {
  assert(((messageOffset | target) & 3) === 0, "a message to be copied is not 4-aligned");
  assert(limitBytes >= UDP_BYTES_MIN, "an answer is limited to less than 512 bytes");
  let flags = FLAG_QR | FLAG_RA | (query.flags & (FLAG_RD | FLAG_CD));
  const stored = fromView.getUint16(messageOffset + HEADER_FLAGS);
  // AA is in the store only with answers of our own, see clean_reply.ts.
  flags |= stored & (FLAG_AA | FLAG_TC | RCODE_MASK);

  const space = limitBytes - query.hasOpt * OPT_BYTES;
  let length = messageLength;
  let keptCount = ttlCount;
  let additionalCount = fromView.getUint16(messageOffset + HEADER_ARCOUNT);
  // Beyond the memory: only in a message that is being written over.
  if (ttlsOffset + (ttlCount << 1) > fromView.byteLength) {
    return writeBare(ioWords, ioView, target, query, flags | FLAG_TC, 0);
  }
  if (length > space) {
    keptCount = ttlCount - additionalCount;
    additionalCount = 0;
    length = lengthOfFirst(fromView, messageOffset, messageLength, ttlsOffset, keptCount);
    if (length === 0 || length > space) {
      return writeBare(ioWords, ioView, target, query, flags | FLAG_TC, 0);
    }
  }

  // RFC 6840 §5.7 and §5.8: AD goes only to those who showed that they know it.
  if ((query.dnssecOk | query.authenticData) !== 0) flags |= stored & FLAG_AD;
  copyQuestion(ioWords, ioView, target, query.questionOffset, query.questionLength);
  // The word in which the question ends is taken from the message: of the question it holds at most
  // bytes of TYPE and CLASS, and these are the same in both.
  const wordsEnd = (length + 3) >> 2;
  const fromWord = messageOffset >> 2;
  const toWord = target >> 2;
  for (let word = HEADER_WORDS + (query.questionLength >> 2); word < wordsEnd; word++) {
    ioWords[toWord + word] = fromWords[fromWord + word];
  }
  ioWords[toWord + 1] = fromWords[fromWord + 1];
  ioWords[toWord + 2] = fromWords[fromWord + 2];
  ioView.setUint16(target + HEADER_ID, query.id);
  ioView.setUint16(target + HEADER_FLAGS, flags);
  ioView.setUint16(target + HEADER_ARCOUNT, additionalCount + query.hasOpt);
  for (let index = 0; index < keptCount; index++) {
    const ttl = fromView.getUint16(ttlsOffset + (index << 1), true);
    if (ttl + TTL_BYTES > length) break;
    const at = target + ttl;
    const leftSec = ioView.getInt32(at) - ageSec;
    ioView.setInt32(at, leftSec > 0 ? leftSec : 0);
  }
  if (query.hasOpt === 0) return length;
  return writeOpt(ioView, target + length, UDP_BYTES_OWN, 0, query.dnssecOk) - target;
}

/** The room that `writeAnswer` needs at its target, a multiple of 4. */
export function answerRoomBytes(messageLength: number, limitBytes: number, query: Query): number {
  // A message that is being written over may say it is shorter than its question.
  const longest = Math.max(messageLength, HEADER_BYTES + query.questionLength);
  return (Math.min(longest + query.hasOpt * OPT_BYTES, limitBytes) + 3) & ~3;
}

/**
 * Writes an answer without records: header, the question if one was read, OPT if the query had one.
 *
 * Never longer than the query was, so there is nothing in it for who forges source addresses. The
 * opcode is the query's, as NOTIMP needs; with FORMERR it is 0.
 *
 * @param target 4-aligned, in the same memory as the query's question, with room for 284 bytes.
 * @param limitBytes what the client can take, 512..65535.
 * @param rcode 0..4095. Above 15 it takes an OPT to say it; without one SERVFAIL is said.
 * @returns the bytes written.
 */
export function writeError(
  ioWords: Int32Array,
  ioView: DataView,
  target: number,
  limitBytes: number,
  query: Query,
  rcode: number,
): number {
  assert((target & 3) === 0, "a message to be written is not 4-aligned");
  assert(limitBytes >= UDP_BYTES_MIN, "an answer is limited to less than 512 bytes");
  const said = rcode > RCODE_HEADER_MAX && query.hasOpt === 0 ? RCODE_SERVFAIL : rcode;
  const opcode = said === RCODE_FORMERR ? 0 : query.flags & OPCODE_MASK;
  const flags = FLAG_QR | FLAG_RA | opcode | (query.flags & (FLAG_RD | FLAG_CD));
  return writeBare(
    ioWords,
    ioView,
    target,
    query,
    flags | (said & RCODE_MASK),
    said >> RCODE_HEADER_BITS,
  );
}

/**
 * Writes a query for an upstream server.
 *
 * The question is copied as it stands, in the case the client wrote. Ask with FLAG_AD, or a server
 * need not say whether it validated the answer (RFC 6840 §5.7).
 *
 * @param target 4-aligned, in the same memory as the question, with room for 284 bytes.
 * @param questionLength name, TYPE and CLASS, 5..259.
 * @param headerFlags any of FLAG_RD, FLAG_CD, FLAG_AD.
 * @param dnssecOk 0 or 1, the OPT's DO bit.
 * @param udpSizeBytes what we can take by UDP.
 * @param withOpt 0 or 1.
 * @returns the bytes written.
 */
export function writeQuery(
  ioWords: Int32Array,
  ioView: DataView,
  target: number,
  id: number,
  questionOffset: number,
  questionLength: number,
  headerFlags: number,
  dnssecOk: number,
  udpSizeBytes: number,
  withOpt: number,
): number {
  assert((target & 3) === 0, "a message to be written is not 4-aligned");
  copyQuestion(ioWords, ioView, target, questionOffset, questionLength);
  ioView.setUint16(target + HEADER_ID, id);
  ioView.setUint16(target + HEADER_FLAGS, headerFlags);
  ioView.setUint32(target + HEADER_QDCOUNT, ONE_QUESTION);
  ioView.setUint32(target + HEADER_NSCOUNT, withOpt);
  const length = HEADER_BYTES + questionLength;
  if (withOpt === 0) return length;
  return writeOpt(ioView, target + length, udpSizeBytes, 0, dnssecOk) - target;
}

/** Header, question if there is one, OPT if the query had one; no records. */
function writeBare(
  ioWords: Int32Array,
  ioView: DataView,
  target: number,
  query: Query,
  flags: number,
  extendedRcode: number,
): number {
  copyQuestion(ioWords, ioView, target, query.questionOffset, query.questionLength);
  ioView.setUint16(target + HEADER_ID, query.id);
  ioView.setUint16(target + HEADER_FLAGS, flags);
  ioView.setUint32(target + HEADER_QDCOUNT, query.questionLength === 0 ? 0 : ONE_QUESTION);
  ioView.setUint32(target + HEADER_NSCOUNT, query.hasOpt);
  const length = HEADER_BYTES + query.questionLength;
  if (query.hasOpt === 0) return length;
  return writeOpt(ioView, target + length, UDP_BYTES_OWN, extendedRcode, query.dnssecOk) - target;
}

/**
 * The length of a message that ends after its first `count` records; 0 when there is none to keep.
 */
function lengthOfFirst(
  view: DataView,
  messageOffset: number,
  messageLength: number,
  ttlsOffset: number,
  count: number,
): number {
  // Without an answer the additional section may be all there is to go on (RFC 9471 §3.1).
  if (count <= 0 || view.getUint16(messageOffset + HEADER_ANCOUNT) === 0) return 0;
  const ttl = view.getUint16(ttlsOffset + ((count - 1) << 1), true);
  const rdata = ttl + TTL_TO_RDATA;
  if (rdata > messageLength) return 0;
  return rdata + view.getUint16(messageOffset + rdata - 2);
}

/** Copies a question of any alignment behind the header at `target`. */
function copyQuestion(
  ioWords: Int32Array,
  ioView: DataView,
  target: number,
  questionOffset: number,
  questionLength: number,
): void {
  const toWord = (target >> 2) + HEADER_WORDS;
  const wordCount = questionLength >> 2;
  for (let word = 0; word < wordCount; word++) {
    ioWords[toWord + word] = ioView.getInt32(questionOffset + (word << 2), true);
  }
  for (let byte = wordCount << 2; byte < questionLength; byte++) {
    ioView.setUint8(target + HEADER_BYTES + byte, ioView.getUint8(questionOffset + byte));
  }
}

/** Writes an OPT without options (RFC 6891 §6.1.2) and returns where it ends. */
function writeOpt(
  view: DataView,
  at: number,
  udpSizeBytes: number,
  extendedRcode: number,
  dnssecOk: number,
): number {
  const fixed = at + 1;
  view.setUint8(at, 0);
  view.setUint16(fixed + RECORD_TYPE, TYPE_OPT);
  view.setUint16(fixed + OPT_UDP_SIZE, udpSizeBytes);
  view.setUint8(fixed + OPT_EXTENDED_RCODE, extendedRcode);
  view.setUint8(fixed + OPT_VERSION, 0);
  view.setUint16(fixed + OPT_FLAGS, dnssecOk === 0 ? 0 : OPT_FLAG_DO);
  view.setUint16(fixed + RECORD_RDLENGTH, 0);
  return at + OPT_BYTES;
}

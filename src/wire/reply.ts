// Hot path.
/**
 * Reads what an upstream server sent, and checks every byte of it that will be kept.
 *
 * What is accepted here can be copied, stored and served without another look: all names end, all
 * pointers aim backwards, all lengths add up. Trusts nothing, throws nothing, allocates nothing.
 * Whether a reply fits a question we asked, and how long it is kept, is decided elsewhere.
 */

import { nameEnd } from "./compressed_name.ts";
import {
  FLAG_AD,
  FLAG_QR,
  FLAG_TC,
  HEADER_ANCOUNT,
  HEADER_ARCOUNT,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_ID,
  HEADER_NSCOUNT,
  HEADER_QDCOUNT,
  MESSAGE_BYTES_MAX,
  OPCODE_MASK,
  OPT_EXTENDED_RCODE,
  OPT_UDP_SIZE,
  OPTION_EDE,
  OPTION_HEADER_BYTES,
  QUESTION_FIXED_BYTES,
  RCODE_HEADER_BITS,
  RCODE_MASK,
  RECORD_CLASS,
  RECORD_FIXED_BYTES,
  RECORD_RDLENGTH,
  RECORD_TTL,
  RECORD_TYPE,
  TTL_SEC_MAX,
  TYPE_NS,
  TYPE_OPT,
  TYPE_RRSIG,
  TYPE_SOA,
} from "./constants.ts";
import { isRdataSound, RRSIG_EXPIRATION } from "./rdata.ts";
import { cappedTtl, concludeReply } from "./reply_conclusion.ts";

export const REPLY_OK = 0;
export const REPLY_SHORT = 1;
/** A query, or of another opcode. */
export const REPLY_NOT_REPLY = 2;
export const REPLY_FORMAT = 3;

/** `edeCode` of a reply without an extended error. */
export const EDE_NONE = -1;

/** The most records that fit a message, each at least a root owner and its fixed part. */
const RECORDS_MAX = Math.ceil(MESSAGE_BYTES_MAX / (1 + RECORD_FIXED_BYTES));
const ANSWER = 0;
const AUTHORITY = 1;
const ADDITIONAL = 2;

/** What `readReply` found. Borrowed: it holds until the next call with the same object. */
export class Reply {
  /** Where the message begins in the memory that was read. */
  offset = 0;
  /** Up to the end of the last record other than OPT: what follows is not kept. */
  length = 0;
  id = 0;
  flags = 0;
  /** With the OPT's upper bits, 0..4095. */
  rcode = 0;
  /** 0 or 1. The records of a truncated reply are not read. */
  truncated = 0;
  authenticData = 0;
  questionOffset = 0;
  /** Name, TYPE and CLASS; 0 in a reply without a question, as some servers send with FORMERR. */
  questionLength = 0;
  nameLength = 0;
  type = 0;
  class = 0;
  answerCount = 0;
  authorityCount = 0;
  /** Without the OPT. */
  additionalCount = 0;
  recordCount = 0;
  /**
   * The least TTL of all records, a negative answer's SOA counted with its MINIMUM (RFC 2308 §5).
   * A TTL with its top bit set counts as 2^31 - 1 (RFC 8767 §4), and so do no records at all.
   */
  ttlSecMin = TTL_SEC_MAX;
  /** 1 if Answer has a record of the type asked for at the end of the CNAME chain. */
  hasAnswerOfType = 0;
  /** Where the name at the end of that chain stands: the one that NXDOMAIN or NODATA denies. */
  chainEndOffset = 0;
  /** 1 if Authority has a SOA of a zone that holds the name at the end of the chain. */
  hasSoa = 0;
  /** Which record that SOA is, -1 if none. */
  soaRecord = -1;
  soaTtlSec = 0;
  soaMinimumSec = 0;
  hasNsInAuthority = 0;
  hasRrsig = 0;
  /** The earliest expiry of all RRSIGs, as 32 bits of seconds since 1970 (RFC 4034 §3.1.5). */
  rrsigExpirySec = 0;
  hasOpt = 0;
  /** 1 if records follow the OPT, so that leaving it out moves them. */
  isOptInside = 0;
  /** What the server can take by UDP; 0 without OPT. */
  udpSizeBytes = 0;
  /** The first extended error (RFC 8914), 0..65535; EDE_NONE if there is none. */
  edeCode = EDE_NONE;
  edeTextOffset = 0;
  edeTextLength = 0;
  /** How many TTL offsets `writeCleanReply` has listed. */
  ttlCount = 0;
  /** Where each record's owner begins, relative to the message, the OPT left out. */
  readonly owners = new Uint16Array(new SharedArrayBuffer(2 * RECORDS_MAX));
  /** Where each record's TYPE stands, relative to the message. */
  readonly fixedParts = new Uint16Array(new SharedArrayBuffer(2 * RECORDS_MAX));
}

/**
 * Reads one reply from `bytes[offset, offset + length)` into `reply`.
 *
 * `bytes` and `view` are the same memory; `offset` may have any alignment. Nothing outside the
 * message is read. After REPLY_FORMAT, id, flags and the question hold if they could be read
 * (`questionLength` is not 0 then); nothing else does.
 *
 * @returns REPLY_OK, REPLY_SHORT, REPLY_NOT_REPLY or REPLY_FORMAT.
 */
export function readReply(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  length: number,
  reply: Reply,
): number {
  if (length < HEADER_BYTES) return REPLY_SHORT;
  const flags = view.getUint16(offset + HEADER_FLAGS);
  if ((flags & (FLAG_QR | OPCODE_MASK)) !== FLAG_QR) return REPLY_NOT_REPLY;
  reset(reply);
  reply.offset = offset;
  reply.id = view.getUint16(offset + HEADER_ID);
  reply.flags = flags;
  reply.rcode = flags & RCODE_MASK;
  reply.truncated = (flags & FLAG_TC) === 0 ? 0 : 1;
  reply.authenticData = (flags & FLAG_AD) === 0 ? 0 : 1;
  if (length > MESSAGE_BYTES_MAX) return REPLY_FORMAT;
  const end = offset + length;
  let at = readQuestion(bytes, view, offset, end, reply);
  if (at === 0) return REPLY_FORMAT;
  reply.length = at - offset;
  // Servers cut a truncated reply wherever they like. It is good for asking again by TCP, no more.
  if (reply.truncated === 0) {
    at = readSection(bytes, view, at, end, ANSWER, HEADER_ANCOUNT, reply);
    if (at !== 0) at = readSection(bytes, view, at, end, AUTHORITY, HEADER_NSCOUNT, reply);
    if (at !== 0) at = readSection(bytes, view, at, end, ADDITIONAL, HEADER_ARCOUNT, reply);
    if (at === 0) return REPLY_FORMAT;
    if (reply.questionLength !== 0) concludeReply(bytes, view, reply);
  }
  return REPLY_OK;
}

function reset(reply: Reply): void {
  reply.length = 0;
  reply.questionOffset = 0;
  reply.questionLength = 0;
  reply.nameLength = 0;
  reply.type = 0;
  reply.class = 0;
  reply.answerCount = 0;
  reply.authorityCount = 0;
  reply.additionalCount = 0;
  reply.recordCount = 0;
  reply.ttlSecMin = TTL_SEC_MAX;
  reply.hasAnswerOfType = 0;
  reply.chainEndOffset = 0;
  reply.hasSoa = 0;
  reply.soaRecord = -1;
  reply.soaTtlSec = 0;
  reply.soaMinimumSec = 0;
  reply.hasNsInAuthority = 0;
  reply.hasRrsig = 0;
  reply.rrsigExpirySec = 0;
  reply.hasOpt = 0;
  reply.isOptInside = 0;
  reply.udpSizeBytes = 0;
  reply.edeCode = EDE_NONE;
  reply.edeTextOffset = 0;
  reply.edeTextLength = 0;
  reply.ttlCount = 0;
}

/** Returns where the records begin, 0 when the question is malformed. */
function readQuestion(
  bytes: Uint8Array,
  view: DataView,
  message: number,
  end: number,
  reply: Reply,
): number {
  const start = message + HEADER_BYTES;
  const count = view.getUint16(message + HEADER_QDCOUNT);
  if (count === 0) return start;
  if (count !== 1) return 0;
  const at = nameEnd(bytes, message, start, end);
  if (at === 0 || at + QUESTION_FIXED_BYTES > end) return 0;
  reply.questionOffset = start;
  reply.nameLength = at - start;
  reply.questionLength = at - start + QUESTION_FIXED_BYTES;
  reply.type = view.getUint16(at);
  reply.class = view.getUint16(at + 2);
  return at + QUESTION_FIXED_BYTES;
}

/** Returns where the section ends, 0 when a record in it is malformed. */
function readSection(
  bytes: Uint8Array,
  view: DataView,
  first: number,
  end: number,
  section: number,
  countField: number,
  reply: Reply,
): number {
  const message = reply.offset;
  const count = view.getUint16(message + countField);
  const firstRecord = reply.recordCount;
  let at = first;
  for (let index = 0; index < count; index++) {
    const fixed = nameEnd(bytes, message, at, end);
    if (fixed === 0 || fixed + RECORD_FIXED_BYTES > end) return 0;
    const rdata = fixed + RECORD_FIXED_BYTES;
    const next = rdata + view.getUint16(fixed + RECORD_RDLENGTH);
    if (next > end) return 0;
    const type = view.getUint16(fixed + RECORD_TYPE);
    if (type === TYPE_OPT) {
      // RFC 6891 §6.1.1 and §6.1.2: one at most, in Additional, its owner the root.
      if (section !== ADDITIONAL || reply.hasOpt === 1 || fixed !== at + 1) return 0;
      readOpt(view, fixed, rdata, next, reply);
    } else {
      const dnsClass = view.getUint16(fixed + RECORD_CLASS);
      if (!isRdataSound(bytes, message, type, dnsClass, rdata, next)) return 0;
      noteRecord(view, at, fixed, next, type, section, reply);
    }
    at = next;
  }
  const kept = reply.recordCount - firstRecord;
  if (section === ANSWER) reply.answerCount = kept;
  else if (section === AUTHORITY) reply.authorityCount = kept;
  else reply.additionalCount = kept;
  return at;
}

function noteRecord(
  view: DataView,
  owner: number,
  fixed: number,
  end: number,
  type: number,
  section: number,
  reply: Reply,
): void {
  const record = reply.recordCount++;
  reply.length = end - reply.offset;
  reply.owners[record] = owner - reply.offset;
  reply.fixedParts[record] = fixed - reply.offset;
  reply.isOptInside = reply.hasOpt;
  const ttlSec = cappedTtl(view.getInt32(fixed + RECORD_TTL));
  if (ttlSec < reply.ttlSecMin) reply.ttlSecMin = ttlSec;
  if (section === AUTHORITY) {
    if (type === TYPE_NS) reply.hasNsInAuthority = 1;
    if (type === TYPE_SOA && reply.soaRecord < 0) reply.soaRecord = record;
  }
  if (type === TYPE_RRSIG) {
    const expirySec = view.getUint32(fixed + RECORD_FIXED_BYTES + RRSIG_EXPIRATION);
    // Serial number arithmetic (RFC 1982): the difference as a signed number tells what is earlier.
    if (reply.hasRrsig === 0 || ((expirySec - reply.rrsigExpirySec) | 0) < 0) {
      reply.rrsigExpirySec = expirySec;
    }
    reply.hasRrsig = 1;
  }
}

function readOpt(view: DataView, fixed: number, rdata: number, end: number, reply: Reply): void {
  reply.hasOpt = 1;
  reply.udpSizeBytes = view.getUint16(fixed + OPT_UDP_SIZE);
  reply.rcode |= view.getUint8(fixed + OPT_EXTENDED_RCODE) << RCODE_HEADER_BITS;
  let at = rdata;
  // Options that overrun are no matter: none is kept but the extended error.
  while (at + OPTION_HEADER_BYTES <= end) {
    const next = at + OPTION_HEADER_BYTES + view.getUint16(at + 2);
    const hasCode = next <= end && next >= at + OPTION_HEADER_BYTES + 2;
    if (view.getUint16(at) === OPTION_EDE && hasCode && reply.edeCode === EDE_NONE) {
      reply.edeCode = view.getUint16(at + OPTION_HEADER_BYTES);
      reply.edeTextOffset = at + OPTION_HEADER_BYTES + 2;
      reply.edeTextLength = next - reply.edeTextOffset;
    }
    at = next;
  }
}

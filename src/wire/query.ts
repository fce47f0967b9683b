// Hot path.
/**
 * Reads what a client sent. Trusts nothing, throws nothing, allocates nothing.
 *
 *   message   header 12 | question: name, TYPE, CLASS | additional records, at most one of them OPT
 *                         ^ questionOffset                (anything behind them is ignored)
 *
 * Knows nothing of what is served; which classes, types and names are refused is the server's
 * matter.
 */

import {
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RD,
  HEADER_ANCOUNT,
  HEADER_ARCOUNT,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_ID,
  HEADER_NSCOUNT,
  HEADER_QDCOUNT,
  LABEL_BYTES_MAX,
  LABELS_MAX,
  NAME_BYTES_MAX,
  OPCODE_MASK,
  OPT_FLAG_DO,
  OPT_FLAGS,
  OPT_UDP_SIZE,
  OPT_VERSION,
  OPTION_HEADER_BYTES,
  OPTION_NSID,
  POINTER_BITS,
  POINTER_BYTES,
  QUESTION_FIXED_BYTES,
  RECORD_FIXED_BYTES,
  RECORD_RDLENGTH,
  RECORD_TYPE,
  TYPE_OPT,
  TYPE_TKEY,
  TYPE_TSIG,
  UDP_BYTES_MIN,
} from "./constants.ts";
import { foldName } from "./fold_name.ts";

/** A query that can be answered. */
export const QUERY_OK = 0;
/** Too short for a header: drop. */
export const QUERY_SHORT = 1;
/** A reply: drop, or two servers may answer each other for ever. */
export const QUERY_IS_REPLY = 2;
/** Not a QUERY: NOTIMP. */
export const QUERY_OPCODE = 3;
/** Malformed: FORMERR. */
export const QUERY_FORMAT = 4;
/** An EDNS version above 0: BADVERS (RFC 6891 §6.1.3). */
export const QUERY_VERSION = 5;

const FOLDED_WORDS = (NAME_BYTES_MAX + 1) >> 2;

/** What `readQuery` found. Borrowed: it holds until the next call with the same object. */
export class Query {
  id = 0;
  /** The header's flags as sent, in host order. */
  flags = 0;
  /** Where the question begins in the memory that was read. */
  questionOffset = 0;
  /** Name, TYPE and CLASS; 0 when there was no question to be read. */
  questionLength = 0;
  /** Wire length of the name with its root byte, 1..255; 0 when there was no question. */
  nameLength = 0;
  labelCount = 0;
  type = 0;
  class = 0;
  /** 0 or 1, like all that follow up to `hasOpt`. */
  recursionDesired = 0;
  checkingDisabled = 0;
  authenticData = 0;
  dnssecOk = 0;
  hasOpt = 0;
  /** 1 if the OPT asks which server this is (RFC 5001). */
  asksNsid = 0;
  ednsVersion = 0;
  /** What the client says it can take by UDP, never below 512; 512 without an OPT. */
  udpSizeBytes = UDP_BYTES_MIN;
  /** Where the OPT's options begin, in the memory that was read. */
  optionsOffset = 0;
  optionsLength = 0;
  /** Of the folded name, seeded, signed 32 bits. Not of type and class. */
  hash = 0;
  /** The folded name, zero-padded to a whole word; older bytes follow. */
  readonly name: Int32Array;
  /** The same memory as `name`. */
  readonly nameBytes: Uint8Array;
  /** Offsets within the name where its labels start; `labelCount` of them hold. */
  readonly labels: Uint8Array;

  constructor() {
    // Shared memory, so that code which reads names sees one kind of array, the slabs' kind.
    this.name = new Int32Array(new SharedArrayBuffer(FOLDED_WORDS << 2));
    this.nameBytes = new Uint8Array(this.name.buffer);
    this.labels = new Uint8Array(new SharedArrayBuffer(LABELS_MAX + 1));
  }
}

/**
 * Reads one client query from `bytes[offset, offset + length)` into `query`.
 *
 * `bytes` and `view` are the same memory; `offset` may have any alignment. Nothing outside the
 * message is read. After QUERY_OPCODE, QUERY_FORMAT and QUERY_VERSION, `query` holds what could be
 * read, enough for `writeError`; after QUERY_SHORT and QUERY_IS_REPLY it holds nothing of use.
 *
 * @returns QUERY_OK or another of the codes above (RFC 1035 §4.1, RFC 9619, RFC 6891, RFC 8906).
 */
export function readQuery(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  length: number,
  seed: number,
  query: Query,
): number {
  if (length < HEADER_BYTES) return QUERY_SHORT;
  const flags = view.getUint16(offset + HEADER_FLAGS);
  if ((flags & FLAG_QR) !== 0) return QUERY_IS_REPLY;
  query.id = view.getUint16(offset + HEADER_ID);
  query.flags = flags;
  query.recursionDesired = (flags & FLAG_RD) === 0 ? 0 : 1;
  query.checkingDisabled = (flags & FLAG_CD) === 0 ? 0 : 1;
  query.authenticData = (flags & FLAG_AD) === 0 ? 0 : 1;
  query.questionOffset = offset + HEADER_BYTES;
  query.questionLength = 0;
  query.nameLength = 0;
  query.labelCount = 0;
  query.type = 0;
  query.class = 0;
  query.hash = 0;
  query.hasOpt = 0;
  query.dnssecOk = 0;
  query.asksNsid = 0;
  query.ednsVersion = 0;
  query.udpSizeBytes = UDP_BYTES_MIN;
  query.optionsOffset = 0;
  query.optionsLength = 0;
  const code = readBody(bytes, view, offset, offset + length, seed, query);
  // Another opcode gives the sections another meaning, so what the body looked like counts for
  // nothing but the echo of its question.
  return (flags & OPCODE_MASK) === 0 ? code : QUERY_OPCODE;
}

function readBody(
  bytes: Uint8Array,
  view: DataView,
  message: number,
  end: number,
  seed: number,
  query: Query,
): number {
  // RFC 9619 §4: more than one question is malformed. None at all asks for nothing.
  if (view.getUint16(message + HEADER_QDCOUNT) !== 1) return QUERY_FORMAT;
  if (!readQuestion(bytes, view, end, seed, query)) return QUERY_FORMAT;
  const recordsAbove =
    view.getUint16(message + HEADER_ANCOUNT) + view.getUint16(message + HEADER_NSCOUNT);
  if (recordsAbove !== 0) return QUERY_FORMAT;
  const additionalCount = view.getUint16(message + HEADER_ARCOUNT);
  if (additionalCount !== 0) {
    const at = query.questionOffset + query.questionLength;
    if (!readAdditional(bytes, view, at, end, additionalCount, query)) return QUERY_FORMAT;
  }
  // Type 0 is reserved (RFC 6895 §3.1); these three exist only beside a question, not in one.
  const type = query.type;
  if (type === 0 || type === TYPE_OPT || type === TYPE_TSIG || type === TYPE_TKEY) {
    return QUERY_FORMAT;
  }
  return query.ednsVersion === 0 ? QUERY_OK : QUERY_VERSION;
}

/**
 * Reads the question. A pointer in it is malformed: there is no earlier name to point to, only the
 * header or the name itself.
 */
function readQuestion(
  bytes: Uint8Array,
  view: DataView,
  end: number,
  seed: number,
  query: Query,
): boolean {
  const start = query.questionOffset;
  const labels = query.labels;
  let labelCount = 0;
  let at = start;
  for (;;) {
    if (at >= end) return false;
    const labelLength = bytes[at];
    if (labelLength === 0) break;
    if (labelLength > LABEL_BYTES_MAX) return false;
    labels[labelCount++] = at - start;
    at += 1 + labelLength;
    if (at - start >= NAME_BYTES_MAX) return false;
  }
  at++;
  if (at + QUESTION_FIXED_BYTES > end) return false;
  query.nameLength = at - start;
  query.labelCount = labelCount;
  query.type = view.getUint16(at);
  query.class = view.getUint16(at + 2);
  query.questionLength = at - start + QUESTION_FIXED_BYTES;
  query.hash = foldName(view, start, at - start, seed, query.name);
  return true;
}

/**
 * Walks the additional records for the OPT. Others are skipped: a TSIG or SIG(0) of a client means
 * nothing to a server that forwards (RFC 8906 §3.2.4 wants no error for it either).
 */
function readAdditional(
  bytes: Uint8Array,
  view: DataView,
  first: number,
  end: number,
  count: number,
  query: Query,
): boolean {
  let at = first;
  for (let index = 0; index < count; index++) {
    const fixed = skipOwner(bytes, at, end);
    if (fixed === 0 || fixed + RECORD_FIXED_BYTES > end) return false;
    const rdata = fixed + RECORD_FIXED_BYTES;
    const next = rdata + view.getUint16(fixed + RECORD_RDLENGTH);
    if (next > end) return false;
    if (view.getUint16(fixed + RECORD_TYPE) === TYPE_OPT) {
      // RFC 6891 §6.1.1 and §6.1.2: at most one, its owner the root itself and not a pointer to it.
      if (query.hasOpt === 1 || fixed !== at + 1) return false;
      query.hasOpt = 1;
      query.udpSizeBytes = Math.max(view.getUint16(fixed + OPT_UDP_SIZE), UDP_BYTES_MIN);
      query.ednsVersion = bytes[fixed + OPT_VERSION];
      query.dnssecOk = (view.getUint16(fixed + OPT_FLAGS) & OPT_FLAG_DO) === 0 ? 0 : 1;
      query.optionsOffset = rdata;
      query.optionsLength = next - rdata;
      if (!areOptionsWhole(view, rdata, next)) return false;
      if (next !== rdata) query.asksNsid = hasOption(view, rdata, next, OPTION_NSID);
    }
    at = next;
  }
  return true;
}

/** Where an owner name ends; 0 when it does not. A pointer ends it, and is not followed. */
function skipOwner(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const labelLength = bytes[at];
    if (labelLength === 0) return at + 1;
    if (labelLength >= POINTER_BITS) return at + POINTER_BYTES <= end ? at + POINTER_BYTES : 0;
    if (labelLength > LABEL_BYTES_MAX) return 0;
    at += 1 + labelLength;
    if (at - start >= NAME_BYTES_MAX) return 0;
  }
  return 0;
}

/** Whether options fill `[start, end)` without a gap or an overrun (RFC 6891 §6.1.2). */
function areOptionsWhole(view: DataView, start: number, end: number): boolean {
  let at = start;
  while (at + OPTION_HEADER_BYTES <= end) {
    at += OPTION_HEADER_BYTES + view.getUint16(at + 2);
  }
  return at === end;
}

/** 1 if one of the options, which are whole, has this code; else 0. */
function hasOption(view: DataView, start: number, end: number, code: number): number {
  let at = start;
  while (at < end) {
    if (view.getUint16(at) === code) return 1;
    at += OPTION_HEADER_BYTES + view.getUint16(at + 2);
  }
  return 0;
}

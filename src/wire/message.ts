/**
 * Whole messages as plain values, for plugins that make or change answers.
 *
 * Names are text with a dot at the end ("www.example.org."), record data are wire bytes in which
 * names are written out, so that a record means the same wherever it stands. This allocates: what
 * the hot path does with messages is in query.ts, reply.ts and answer.ts.
 */

import { expandName, nameEnd } from "./compressed_name.ts";
import {
  CLASS_IN,
  FLAG_QR,
  HEADER_ANCOUNT,
  HEADER_ARCOUNT,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_ID,
  HEADER_NSCOUNT,
  HEADER_QDCOUNT,
  MESSAGE_BYTES_MAX,
  NAME_BYTES_MAX,
  QUESTION_FIXED_BYTES,
  RCODE_MASK,
  RCODE_NOERROR,
  RECORD_CLASS,
  RECORD_FIXED_BYTES,
  RECORD_RDLENGTH,
  RECORD_TTL,
  RECORD_TYPE,
  TYPE_OPT,
} from "./constants.ts";
import { nameToWire, wireToName } from "./name.ts";
import { isRdataSound, rdataFirstName, rdataNameCount } from "./rdata.ts";
import { joinBytes } from "./rdata_parts.ts";
import { cappedTtl } from "./reply_conclusion.ts";

export interface DnsQuestion {
  /** Text, with a dot at its end. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface DnsRecord {
  /** The owner: text, with a dot at its end. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** 0..2^31-1. */
  readonly ttlSec: number;
  /** Wire bytes, names in them not compressed. */
  readonly rdata: Uint8Array;
}

/** An answer or a reply. The OPT record is not among the additional ones. */
export interface DnsMessage {
  /** Any of FLAG_AA, FLAG_TC, FLAG_RD, FLAG_RA, FLAG_AD, FLAG_CD. */
  readonly flags: number;
  /** 0..15. */
  readonly rcode: number;
  readonly question: DnsQuestion;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
  /** An extended error (RFC 8914), where whoever sends it can: `encodeMessage` does not. */
  readonly infoCode?: number;
}

/** An answer to `question` with what `parts` says, by default NOERROR and nothing. */
export function messageFor(question: DnsQuestion, parts: Partial<DnsMessage> = {}): DnsMessage {
  return {
    flags: 0,
    rcode: RCODE_NOERROR,
    answers: [],
    authorities: [],
    additionals: [],
    ...parts,
    question,
  };
}

/** A record of class IN. `rdata` is kept, not copied. */
export function recordOf(name: string, type: number, ttlSec: number, rdata: Uint8Array): DnsRecord {
  return { name, type, class: CLASS_IN, ttlSec, rdata };
}

/**
 * Reads the message of `length` bytes at `offset`.
 *
 * @throws {RangeError} when it is malformed or has not exactly one question.
 */
export function decodeMessage(bytes: Uint8Array, offset: number, length: number): DnsMessage {
  // A copy in shared memory: the readers of names then see the one kind of array that they know.
  const message = new Uint8Array(new SharedArrayBuffer(length));
  message.set(bytes.subarray(offset, offset + length));
  const view = new DataView(message.buffer);
  if (length < HEADER_BYTES || view.getUint16(HEADER_QDCOUNT) !== 1) {
    throw new RangeError("Cannot read a message: it has no header or not one question");
  }
  const flags = view.getUint16(HEADER_FLAGS);
  const [name, behind] = readName(message, HEADER_BYTES);
  if (behind + QUESTION_FIXED_BYTES > length) throw cut();
  const reader = { message, view, at: behind + QUESTION_FIXED_BYTES };
  return {
    flags: flags & ~(FLAG_QR | RCODE_MASK),
    rcode: flags & RCODE_MASK,
    question: { name, type: view.getUint16(behind), class: view.getUint16(behind + 2) },
    answers: readSection(reader, view.getUint16(HEADER_ANCOUNT)),
    authorities: readSection(reader, view.getUint16(HEADER_NSCOUNT)),
    additionals: readSection(reader, view.getUint16(HEADER_ARCOUNT)),
  };
}

/**
 * Writes `message` as a reply with id 0, without OPT and without compression.
 *
 * @throws {RangeError} when a name in it is none, or it takes more than 65,535 bytes.
 */
export function encodeMessage(message: DnsMessage): Uint8Array {
  const { question, answers, authorities, additionals } = message;
  const parts: Uint8Array[] = [new Uint8Array(HEADER_BYTES), questionBytes(question)];
  for (const record of [...answers, ...authorities, ...additionals]) {
    parts.push(nameToWire(record.name), fixedPart(record), record.rdata);
  }
  const bytes = joinBytes(...parts);
  if (bytes.length > MESSAGE_BYTES_MAX) {
    throw new RangeError(`Cannot write a message: it takes ${bytes.length} bytes, not 65535`);
  }
  const view = new DataView(bytes.buffer);
  view.setUint16(HEADER_ID, 0);
  view.setUint16(HEADER_FLAGS, FLAG_QR | message.flags | (message.rcode & RCODE_MASK));
  view.setUint16(HEADER_QDCOUNT, 1);
  view.setUint16(HEADER_ANCOUNT, answers.length);
  view.setUint16(HEADER_NSCOUNT, authorities.length);
  view.setUint16(HEADER_ARCOUNT, additionals.length);
  return bytes;
}

/** Name, TYPE and CLASS in wire form. @throws {RangeError} when the name is none. */
export function questionBytes(question: DnsQuestion): Uint8Array {
  const name = nameToWire(question.name);
  const bytes = new Uint8Array(name.length + QUESTION_FIXED_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(name);
  view.setUint16(name.length, question.type);
  view.setUint16(name.length + 2, question.class);
  return bytes;
}

/** A record without its owner: TYPE, CLASS, TTL, RDLENGTH and data. */
export function encodeRecordTail(record: DnsRecord): Uint8Array {
  return joinBytes(fixedPart(record), record.rdata);
}

interface SectionReader {
  readonly message: Uint8Array;
  readonly view: DataView;
  at: number;
}

function readSection(reader: SectionReader, count: number): DnsRecord[] {
  const { message, view } = reader;
  const records: DnsRecord[] = [];
  for (let index = 0; index < count; index++) {
    const [name, fixed] = readName(message, reader.at);
    const rdata = fixed + RECORD_FIXED_BYTES;
    if (rdata > message.length) throw cut();
    const end = rdata + view.getUint16(fixed + RECORD_RDLENGTH);
    if (end > message.length) throw cut();
    reader.at = end;
    const type = view.getUint16(fixed + RECORD_TYPE);
    const dnsClass = view.getUint16(fixed + RECORD_CLASS);
    if (type === TYPE_OPT) continue;
    if (!isRdataSound(message, 0, type, dnsClass, rdata, end)) {
      throw new RangeError(
        "Cannot read a message: record data do not have the shape of their type",
      );
    }
    records.push({
      name,
      type,
      class: dnsClass,
      ttlSec: cappedTtl(view.getInt32(fixed + RECORD_TTL)),
      rdata: plainRdata(message, type, rdata, end),
    });
  }
  return records;
}

/** Record data with the names in them written out. */
function plainRdata(message: Uint8Array, type: number, start: number, end: number): Uint8Array {
  const nameCount = rdataNameCount(type);
  if (nameCount === 0) return Uint8Array.from(message.subarray(start, end));
  let at = rdataFirstName(message, type, start, end);
  const parts = [message.subarray(start, at)];
  for (let name = 0; name < nameCount; name++) {
    parts.push(plainName(message, at));
    at = nameEnd(message, 0, at, end);
  }
  parts.push(message.subarray(at, end));
  return joinBytes(...parts);
}

/** The name at `at` as text, and where the bytes behind it begin. */
function readName(message: Uint8Array, at: number): [name: string, behind: number] {
  const behind = nameEnd(message, 0, at, message.length);
  if (behind === 0) throw new RangeError("Cannot read a message: a name in it is malformed");
  return [wireToName(plainName(message, at)), behind];
}

function plainName(message: Uint8Array, at: number): Uint8Array {
  const name = new Uint8Array(new SharedArrayBuffer(NAME_BYTES_MAX + 1));
  return name.subarray(0, expandName(message, 0, at, name));
}

function fixedPart(record: DnsRecord): Uint8Array {
  const bytes = new Uint8Array(RECORD_FIXED_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(RECORD_TYPE, record.type);
  view.setUint16(RECORD_CLASS, record.class);
  view.setUint32(RECORD_TTL, record.ttlSec);
  view.setUint16(RECORD_RDLENGTH, record.rdata.length);
  return bytes;
}

function cut(): RangeError {
  return new RangeError("Cannot read a message: it ends within a record");
}

/**
 * DNS messages as plain objects, for tests: an encoder that can also make them wrong, and a strict
 * decoder. Written apart from `src/wire`, so that the one can be checked against the other.
 */

import { ByteReader, ByteWriter } from "./dns_bytes.ts";
import { CLASSES, readRdata, splitWords, typeNumber, typeText, writeRdata } from "./dns_rdata.ts";

export const FLAGS: Readonly<Record<string, number>> = {
  qr: 0x8000,
  aa: 0x0400,
  tc: 0x0200,
  rd: 0x0100,
  ra: 0x0080,
  z: 0x0040,
  ad: 0x0020,
  cd: 0x0010,
};

export const RCODES: Readonly<Record<string, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
  BADCOOKIE: 23,
};

const DO_BIT = 0x8000;
const OPCODE_SHIFT = 11;

export interface DnsQuestion {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** `www.example.org. 300 A 192.0.2.1`; the class is IN or that of the question. */
export interface DnsRecord {
  readonly name: string;
  readonly ttlSec: number;
  readonly type: number;
  /** As in a zone file. */
  readonly data: string;
}

export interface DnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface DnsOpt {
  readonly sizeBytes: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: readonly DnsOption[];
}

export interface DnsMessage {
  readonly id: number;
  readonly opcode: number;
  /** Names of FLAGS that are set. */
  readonly flags: readonly string[];
  /** With the upper bits of the OPT record. */
  readonly rcode: number;
  readonly questions: readonly DnsQuestion[];
  readonly answer: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  /** Without OPT. */
  readonly additional: readonly DnsRecord[];
  readonly opt: DnsOpt | null;
}

export interface EncodeOptions {
  /** Default true. */
  readonly compress?: boolean;
  /** How often the OPT record stands in it; default once. */
  readonly optCopies?: number;
}

/** A message with nothing in it but what is given. */
export function dnsMessage(parts: Partial<DnsMessage>): DnsMessage {
  return {
    id: 0,
    opcode: 0,
    flags: [],
    rcode: 0,
    questions: [],
    answer: [],
    authority: [],
    additional: [],
    opt: null,
    ...parts,
  };
}

export function encodeMessage(message: DnsMessage, options: EncodeOptions = {}): Uint8Array {
  const { opt } = message;
  const optCopies = opt === null ? 0 : (options.optCopies ?? 1);
  const writer = new ByteWriter(options.compress ?? true);
  writer.u16(message.id);
  const flags = message.flags.reduce((bits, name) => bits | FLAGS[name]!, 0);
  writer.u16(flags | (message.opcode << OPCODE_SHIFT) | (message.rcode & 0xf));
  writer.u16(message.questions.length);
  writer.u16(message.answer.length);
  writer.u16(message.authority.length);
  writer.u16(message.additional.length + optCopies);
  for (const question of message.questions) {
    writer.name(question.name, true);
    writer.u16(question.type);
    writer.u16(question.class);
  }
  for (const record of [...message.answer, ...message.authority, ...message.additional]) {
    writeRecord(writer, record);
  }
  for (let copy = 0; copy < optCopies; copy++) writeOpt(writer, opt!, message.rcode);
  return writer.finish();
}

/** @throws {RangeError} when it is not exactly one well-formed message. */
export function decodeMessage(bytes: Uint8Array): DnsMessage {
  const reader = new ByteReader(bytes);
  const id = reader.u16();
  const word = reader.u16();
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  const questions = repeat(counts[0]!, () => {
    return { name: reader.name(), type: reader.u16(), class: reader.u16() };
  });
  const opts: { opt: DnsOpt; rcodeBits: number }[] = [];
  const recordClass = questions[0]?.class ?? CLASSES["IN"]!;
  const section = (count: number) =>
    repeat(count, () => readRecord(reader, opts, recordClass)).filter((record) => record !== null);
  const [answer, authority, additional] = [counts[1]!, counts[2]!, counts[3]!].map(section);
  if (!reader.isDone) throw new RangeError("bytes follow the message");
  if (opts.length > 1) throw new RangeError("there are several OPT records");
  return {
    id,
    opcode: (word >>> OPCODE_SHIFT) & 0xf,
    flags: Object.keys(FLAGS).filter((name) => (word & FLAGS[name]!) !== 0),
    rcode: (word & 0xf) | ((opts[0]?.rcodeBits ?? 0) << 4),
    questions,
    answer: answer!,
    authority: authority!,
    additional: additional!,
    opt: opts[0]?.opt ?? null,
  };
}

/** `www.example.org. 300 A 192.0.2.1`. @throws {SyntaxError} */
export function parseRecord(text: string): DnsRecord {
  const [name, ttl, type, ...data] = splitWords(text);
  if (name === undefined || !/^\d+$/.test(ttl ?? "") || type === undefined) {
    throw new SyntaxError(`"${text}" is not NAME TTL TYPE DATA`);
  }
  return { name, ttlSec: Number(ttl), type: typeNumber(type), data: data.join(" ") };
}

export function recordText({ name, ttlSec, type, data }: DnsRecord): string {
  return `${name} ${ttlSec} ${typeText(type)} ${data}`;
}

export function rcodeText(rcode: number): string {
  return Object.keys(RCODES).find((name) => RCODES[name] === rcode) ?? `RCODE${rcode}`;
}

/** The whole message on one line, for people. */
export function messageText(message: DnsMessage): string {
  const { id, opcode, flags, rcode, questions, opt } = message;
  const sections = (["answer", "authority", "additional"] as const).flatMap((section) =>
    message[section].map((record) => `| ${section} ${recordText(record)}`),
  );
  const options = opt?.options.map(({ code, data }) => `option ${code} (${data.length})`) ?? [];
  const edns =
    opt === null ? [] : [`edns=${opt.sizeBytes}${opt.dnssecOk ? " do" : ""}`, ...options];
  const asked = questions.map((question) => `${question.name} ${typeText(question.type)}`);
  const head = [
    `#${id}`,
    rcodeText(rcode),
    opcode === 0 ? "" : `opcode ${opcode}`,
    flags.join(" "),
  ];
  return [...head, ...edns, "|", ...asked, ...sections].filter((part) => part !== "").join(" ");
}

function writeRecord(writer: ByteWriter, record: DnsRecord): void {
  writer.name(record.name, true);
  writer.u16(record.type);
  writer.u16(CLASSES["IN"]!);
  writer.u32(record.ttlSec);
  const length = writer.length;
  writer.u16(0);
  writeRdata(writer, record.type, splitWords(record.data));
  writer.setU16(length, writer.length - length - 2);
}

function writeOpt(writer: ByteWriter, opt: DnsOpt, rcode: number): void {
  writer.u8(0);
  writer.u16(typeNumber("OPT"));
  writer.u16(opt.sizeBytes);
  writer.u8(rcode >>> 4);
  writer.u8(opt.version);
  writer.u16(opt.dnssecOk ? DO_BIT : 0);
  writer.u16(opt.options.reduce((sum, { data }) => sum + 4 + data.length, 0));
  for (const { code, data } of opt.options) {
    writer.u16(code);
    writer.u16(data.length);
    writer.bytes(data);
  }
}

function readRecord(
  reader: ByteReader,
  opts: { opt: DnsOpt; rcodeBits: number }[],
  questionClass: number,
): DnsRecord | null {
  const name = reader.name();
  const type = reader.u16();
  const recordClass = reader.u16();
  if (type !== typeNumber("OPT")) {
    if (recordClass !== CLASSES["IN"] && recordClass !== questionClass) {
      throw new RangeError(`a record has class ${recordClass}`);
    }
    const ttlSec = reader.u32();
    return { name, ttlSec, type, data: readRdata(reader, type, reader.u16()) };
  }
  if (name !== ".") throw new RangeError("the OPT record is not at the root");
  const rcodeBits = reader.u8();
  const version = reader.u8();
  const bits = reader.u16();
  if ((bits & ~DO_BIT) !== 0) throw new RangeError("reserved EDNS flags are set");
  const end = reader.u16() + reader.at;
  const options: DnsOption[] = [];
  while (reader.at < end) {
    options.push({ code: reader.u16(), data: reader.bytes(reader.u16()) });
  }
  const opt = { sizeBytes: recordClass, version, dnssecOk: bits !== 0, options };
  opts.push({ opt, rcodeBits });
  return null;
}

function repeat<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

/**
 * RDATA between text and bytes, for tests: the types that scenarios use, others as RFC 3597 says.
 */

import { isIPv4 } from "node:net";
import { ipv6Bytes, ipv6Text } from "../../src/sys/sockaddr.ts";
import type { ByteReader, ByteWriter } from "./dns_bytes.ts";

export const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  NULL: 10,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DNAME: 39,
  OPT: 41,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
};

const TYPE_NAMES = new Map(Object.entries(TYPES).map(([name, type]) => [type, name]));
export const CLASSES: Readonly<Record<string, number>> = {
  IN: 1,
  CH: 3,
  HS: 4,
  NONE: 254,
  ANY: 255,
};

/** `A` to 1, `TYPE1234` to 1234. @throws {SyntaxError} */
export function typeNumber(text: string): number {
  const number = TYPES[text] ?? Number(/^TYPE(\d+)$/.exec(text)?.[1]);
  if (Number.isInteger(number)) return number;
  throw new SyntaxError(`"${text}" is not a record type`);
}

export function typeText(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

/** Splits at blanks; `"quoted text"` is one word and keeps its quotes. */
export function splitWords(text: string): string[] {
  return text.match(/"[^"]*"|\S+/g) ?? [];
}

/** Writes the RDATA that `words` say for a record of `type`. @throws {SyntaxError} */
export function writeRdata(writer: ByteWriter, type: number, words: readonly string[]): void {
  if (words[0] === "\\#") {
    writer.bytes(hexBytes(words.slice(2).join("")));
    return;
  }
  const number = (at: number) => {
    const value = Number(words[at]);
    if (!Number.isInteger(value)) throw new SyntaxError(`"${words[at]}" is not a number`);
    return value;
  };
  switch (typeText(type)) {
    case "A":
      if (!isIPv4(words[0]!)) throw new SyntaxError(`"${words[0]}" is not an IPv4 address`);
      writer.bytes(Uint8Array.from(words[0]!.split("."), Number));
      break;
    case "AAAA":
      writer.bytes(ipv6Bytes(words[0]!));
      break;
    case "NS":
    case "CNAME":
    case "PTR":
      writer.name(words[0]!, true);
      break;
    case "DNAME":
      writer.name(words[0]!, false);
      break;
    case "MX":
      writer.u16(number(0));
      writer.name(words[1]!, true);
      break;
    case "SRV":
      for (const at of [0, 1, 2]) writer.u16(number(at));
      writer.name(words[3]!, false);
      break;
    case "SOA":
      writer.name(words[0]!, true);
      writer.name(words[1]!, true);
      for (const at of [2, 3, 4, 5, 6]) writer.u32(number(at));
      break;
    case "TXT":
      for (const word of words) writer.string(word.replaceAll('"', ""));
      break;
    case "RRSIG":
      writer.u16(typeNumber(words[0]!));
      for (const at of [1, 2]) writer.u8(number(at));
      writer.u32(number(3));
      for (const at of [4, 5]) writer.u32(dateSec(words[at]!));
      writer.u16(number(6));
      writer.name(words[7]!, false);
      writer.bytes(hexBytes(words[8]!));
      break;
    default:
      throw new SyntaxError(`RDATA of ${typeText(type)} is written \\# LENGTH HEX`);
  }
}

/**
 * The text of the `lengthBytes` bytes of RDATA at the reader's position, which moves behind them.
 */
export function readRdata(reader: ByteReader, type: number, lengthBytes: number): string {
  const end = reader.at + lengthBytes;
  const text = rdataText(reader, type, end);
  if (reader.at !== end) throw new RangeError(`RDATA of ${typeText(type)} ends at the wrong byte`);
  return text;
}

function rdataText(reader: ByteReader, type: number, end: number): string {
  switch (typeText(type)) {
    case "A":
      return reader.bytes(4).join(".");
    case "AAAA":
      return ipv6Text(reader.bytes(16));
    case "NS":
    case "CNAME":
    case "PTR":
    case "DNAME":
      return reader.name();
    case "MX":
      return `${reader.u16()} ${reader.name()}`;
    case "SRV":
      return `${reader.u16()} ${reader.u16()} ${reader.u16()} ${reader.name()}`;
    case "SOA": {
      const names = `${reader.name()} ${reader.name()}`;
      return [names, ...[0, 0, 0, 0, 0].map(() => reader.u32())].join(" ");
    }
    case "TXT": {
      const strings: string[] = [];
      while (reader.at < end) strings.push(`"${reader.string()}"`);
      return strings.join(" ");
    }
    case "RRSIG": {
      const head = [typeText(reader.u16()), reader.u8(), reader.u8(), reader.u32()];
      const dates = [dateText(reader.u32()), dateText(reader.u32()), reader.u16()];
      const signer = reader.name();
      return [...head, ...dates, signer, bytesHex(reader.bytes(end - reader.at))].join(" ");
    }
    default: {
      const bytes = reader.bytes(end - reader.at);
      return bytes.length === 0 ? "\\# 0" : `\\# ${bytes.length} ${bytesHex(bytes)}`;
    }
  }
}

/** @throws {SyntaxError} */
export function hexBytes(hex: string): Uint8Array {
  const digits = hex.replaceAll(/[\s:]/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new SyntaxError(`"${hex}" is not hexadecimal`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function bytesHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Seconds since 1970 of `20240101120000`, as RRSIG writes it (RFC 4034 §3.2). */
function dateSec(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) throw new SyntaxError(`"${text}" is not YYYYMMDDHHmmSS`);
  const [year, month, day, hour, minute, second] = parts as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

function dateText(sec: number): string {
  return new Date(sec * 1000).toISOString().slice(0, 19).replaceAll(/\D/g, "");
}

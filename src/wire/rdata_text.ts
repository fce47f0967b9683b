/** Record data in the text form of zone files, by type (RFC 1035 §5.1, RFC 3597 §5). */

import { parseIpAddress } from "../std/ip_address.ts";
import {
  TYPE_A,
  TYPE_AAAA,
  TYPE_AFSDB,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_HINFO,
  TYPE_MX,
  TYPE_NAPTR,
  TYPE_NS,
  TYPE_PTR,
  TYPE_RP,
  TYPE_SOA,
  TYPE_SRV,
  TYPE_TXT,
  typeCode,
  typeName,
} from "./constants.ts";
import { nameToWire } from "./name.ts";
import { joinBytes, words16 } from "./rdata_parts.ts";
import { type WordReader, wordBytes } from "./record_words.ts";
import { serviceParameters } from "./svcb_text.ts";

const STRING_BYTES_MAX = 255;
const GENERIC = "\\#";

type Field = (reader: WordReader) => Uint8Array;

const FORMS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [TYPE_A, [address(4, "an IPv4 address")]],
  [TYPE_AAAA, [address(16, "an IPv6 address")]],
  [TYPE_NS, [name]],
  [TYPE_CNAME, [name]],
  [TYPE_PTR, [name]],
  [TYPE_DNAME, [name]],
  [TYPE_SOA, [name, name, seconds("SERIAL"), ...soaTimes()]],
  [TYPE_MX, [number(2, "PREFERENCE"), name]],
  [TYPE_AFSDB, [number(2, "SUBTYPE"), name]],
  [TYPE_RP, [name, name]],
  [TYPE_TXT, [strings]],
  [typeCode("SPF")!, [strings]],
  [TYPE_HINFO, [string, string]],
  [TYPE_SRV, [number(2, "PRIORITY"), number(2, "WEIGHT"), number(2, "PORT"), name]],
  [TYPE_NAPTR, [number(2, "ORDER"), number(2, "PREFERENCE"), string, string, string, name]],
  [typeCode("CAA")!, [number(1, "FLAGS"), string, plain]],
  [typeCode("URI")!, [number(2, "PRIORITY"), number(2, "WEIGHT"), plain]],
  [typeCode("DS")!, digest(number(2, "KEY TAG"), number(1, "ALGORITHM"), number(1, "TYPE"))],
  [typeCode("CDS")!, digest(number(2, "KEY TAG"), number(1, "ALGORITHM"), number(1, "TYPE"))],
  [typeCode("SSHFP")!, digest(number(1, "ALGORITHM"), number(1, "TYPE"))],
  [typeCode("TLSA")!, digest(number(1, "USAGE"), number(1, "SELECTOR"), number(1, "MATCHING"))],
  [typeCode("SMIMEA")!, digest(number(1, "USAGE"), number(1, "SELECTOR"), number(1, "MATCHING"))],
  [
    typeCode("DNSKEY")!,
    [number(2, "FLAGS"), number(1, "PROTOCOL"), number(1, "ALGORITHM"), base64],
  ],
  [typeCode("SVCB")!, [number(2, "PRIORITY"), name, serviceParameters]],
  [typeCode("HTTPS")!, [number(2, "PRIORITY"), name, serviceParameters]],
]);

/**
 * Reads all words that are left as the data of `type`.
 *
 * @returns wire bytes, names not compressed.
 * @throws {RangeError} that says what was expected.
 */
export function readRdata(type: number, reader: WordReader): Uint8Array {
  const first = reader.peek();
  if (first?.text === GENERIC && !first.isQuoted) return readGeneric(reader);
  const form = FORMS.get(type);
  if (form === undefined) {
    throw new RangeError(`expected data of ${typeName(type)} as \\# LENGTH HEX`);
  }
  const rdata = joinBytes(...form.map((field) => field(reader)));
  reader.end();
  return rdata;
}

/** `\# LENGTH HEX...`, for any type (RFC 3597 §5). */
function readGeneric(reader: WordReader): Uint8Array {
  reader.next(GENERIC);
  const length = reader.next("the LENGTH of the data").text;
  const digits = reader.hasMore ? joined(reader, "data in hexadecimal") : "";
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) {
    throw new RangeError(`expected data in hexadecimal, got "${digits}"`);
  }
  if (!/^[0-9]{1,5}$/.test(length) || Number(length) * 2 !== digits.length) {
    throw new RangeError(`expected LENGTH ${digits.length / 2} for these data, got "${length}"`);
  }
  return fromHex(digits);
}

function name(reader: WordReader): Uint8Array {
  const { text } = reader.next("a name");
  return nameToWire(text === "@" ? "." : text);
}

function address(length: number, expected: string): Field {
  return (reader) => {
    const { text } = reader.next(expected);
    const bytes = parseIpAddress(text);
    if (bytes?.length === length) return bytes;
    throw new RangeError(`expected ${expected}, got "${text}"`);
  };
}

function number(byteCount: 1 | 2 | 4, what: string): Field {
  const max = 2 ** (8 * byteCount) - 1;
  const expected = `${what} from 0 to ${max}`;
  return (reader) => {
    const { text } = reader.next(expected);
    if (!/^[0-9]{1,10}$/.test(text) || Number(text) > max) {
      throw new RangeError(`expected ${expected}, got "${text}"`);
    }
    return bigEndian(Number(text), byteCount);
  };
}

/** 32 bits, the times of a SOA also with units as zone files have them. */
function seconds(what: string): Field {
  const plainNumber = number(4, what);
  const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
  return (reader) => {
    const text = reader.peek()?.text ?? "";
    const parts = /^([0-9]{1,6})([smhd])$/i.exec(text);
    if (parts === null) return plainNumber(reader);
    reader.next(what);
    return bigEndian(Number(parts[1]) * unitSeconds[parts[2]!.toLowerCase()]!, 4);
  };
}

function soaTimes(): Field[] {
  return [seconds("REFRESH"), seconds("RETRY"), seconds("EXPIRE"), seconds("MINIMUM")];
}

function string(reader: WordReader): Uint8Array {
  const bytes = wordBytes(reader.next("a text").text);
  if (bytes.length > STRING_BYTES_MAX) {
    throw new RangeError(`expected a text of at most 255 bytes, got ${bytes.length}`);
  }
  return Uint8Array.of(bytes.length, ...bytes);
}

/** One or more texts; one that is too long becomes several. */
function strings(reader: WordReader): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { text } of reader.rest("a text")) {
    const bytes = wordBytes(text);
    let at = 0;
    do {
      const piece = bytes.subarray(at, at + STRING_BYTES_MAX);
      parts.push(Uint8Array.of(piece.length), piece);
      at += STRING_BYTES_MAX;
    } while (at < bytes.length);
  }
  return joinBytes(...parts);
}

/** A text to the end of the data, without a length of its own. */
function plain(reader: WordReader): Uint8Array {
  return wordBytes(reader.next("a text").text);
}

function digest(...fields: readonly Field[]): readonly Field[] {
  return [...fields, hex];
}

function hex(reader: WordReader): Uint8Array {
  const digits = joined(reader, "a digest in hexadecimal");
  if (/^(?:[0-9a-fA-F]{2})+$/.test(digits)) return fromHex(digits);
  throw new RangeError(`expected a digest in hexadecimal, got "${digits}"`);
}

function base64(reader: WordReader): Uint8Array {
  const text = joined(reader, "a key in base64");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw new RangeError(`expected a key in base64, got "${text}"`);
  }
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function joined(reader: WordReader, expected: string): string {
  return reader
    .rest(expected)
    .map(({ text }) => text)
    .join("");
}

function fromHex(digits: string): Uint8Array {
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}

function bigEndian(value: number, byteCount: number): Uint8Array {
  if (byteCount === 1) return Uint8Array.of(value);
  if (byteCount === 2) return words16(value);
  return words16(value >>> 16, value & 0xffff);
}

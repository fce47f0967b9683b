/**
 * One resource record in the text form of zone files (RFC 1035 §5.1), as plugins' settings have it:
 *
 *   www.example.org. 60 IN A 192.0.2.1
 *
 * Plain code that allocates, for set-up and for what plugins put together. Names are absolute with
 * or without their last dot: there is no origin. Data are read in rdata_text.ts.
 */

import {
  CLASS_IN,
  classCode,
  MESSAGE_BYTES_MAX,
  TTL_SEC_MAX,
  typeCode,
  typeName,
} from "./constants.ts";
import type { DnsRecord } from "./message.ts";
import { nameToWire, wireToName } from "./name.ts";
import { isRdataSound } from "./rdata.ts";
import { readRdata } from "./rdata_text.ts";
import { splitWords, WordReader } from "./record_words.ts";

/** What a record has that names no TTL, as in CoreDNS. */
const DEFAULT_TTL_SEC = 3600;
const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/**
 * Reads `OWNER [TTL] [CLASS] TYPE DATA`; TTL and CLASS in either order, by default 3600 and IN.
 *
 * @throws {RangeError} when it is no record: the message says what was expected in its place.
 * @example parseRecord("example.org. 60 IN MX 10 mail.example.org.")
 */
export function parseRecord(text: string): DnsRecord {
  try {
    return readRecord(text);
  } catch (error) {
    throw new RangeError(`Cannot read the record "${text.trim()}": ${(error as Error).message}`);
  }
}

function readRecord(text: string): DnsRecord {
  const reader = new WordReader(splitWords(text));
  const owner = reader.next("an owner name, such as www.example.org.").text;
  const name = wireToName(nameToWire(owner === "@" ? "." : owner));
  let ttlSec: number | null = null;
  let dnsClass: number | null = null;
  let type: number | undefined;
  while (type === undefined) {
    const { text: word } = reader.next("a type, such as A");
    if (ttlSec === null && /^[0-9]/.test(word)) {
      ttlSec = readTtl(word);
      continue;
    }
    if (dnsClass === null && classCode(word) !== undefined && word.toUpperCase() !== "ANY") {
      dnsClass = classCode(word)!;
      continue;
    }
    type = typeCode(word);
    if (type === undefined) {
      throw new RangeError(`expected [TTL] [CLASS] TYPE, such as 60 IN A, got "${word}"`);
    }
  }
  const rdata = readRdata(type, reader);
  if (rdata.length > MESSAGE_BYTES_MAX) {
    throw new RangeError(`expected data of at most 65535 bytes, got ${rdata.length}`);
  }
  dnsClass ??= CLASS_IN;
  if (!isRdataSound(rdata, 0, type, dnsClass, 0, rdata.length)) {
    throw new RangeError(`expected data that have the shape of ${typeName(type)}`);
  }
  return { name, type, class: dnsClass, ttlSec: ttlSec ?? DEFAULT_TTL_SEC, rdata };
}

/** Seconds, or numbers with units: 300, 5m, 1h30m. */
function readTtl(word: string): number {
  let ttlSec = /^[0-9]{1,10}$/.test(word) ? Number(word) : Number.NaN;
  if (/^(?:[0-9]{1,10}[smhdw])+$/i.test(word)) {
    ttlSec = 0;
    for (const [, count, unit] of word.toLowerCase().matchAll(/([0-9]+)([smhdw])/g)) {
      ttlSec += Number(count) * UNIT_SECONDS[unit!]!;
    }
  }
  if (ttlSec <= TTL_SEC_MAX) return ttlSec;
  throw new RangeError(`expected a TTL from 0 to ${TTL_SEC_MAX} seconds, got "${word}"`);
}

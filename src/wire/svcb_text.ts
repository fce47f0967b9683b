/** Service parameters of SVCB and HTTPS records in text form (RFC 9460 §2.1 and appendix A). */

import { parseIpAddress } from "../std/ip_address.ts";
import { joinBytes, words16 } from "./rdata_parts.ts";
import { type Word, type WordReader, wordBytes } from "./record_words.ts";

const KEYS = ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint"];
const LIST_COMMA = /(?<!\\),/;

/**
 * Reads `KEY=VALUE` words to the end, into wire bytes in the order of keys.
 *
 * @throws {RangeError} that says what was expected.
 */
export function serviceParameters(reader: WordReader): Uint8Array {
  const values = new Map<number, Uint8Array>();
  while (reader.hasMore) {
    const { text } = reader.next("KEY=VALUE");
    const [, name = "", sign, bare = ""] = /^([a-z0-9-]+)(=)?(.*)$/s.exec(text) ?? [];
    const key = keyNumber(name);
    if (key < 0) {
      throw new RangeError(`expected a parameter such as alpn=h2 or key65000=x, got "${text}"`);
    }
    if (values.has(key)) throw new RangeError(`expected ${name} once`);
    const value = sign === "=" && bare === "" ? quotedValue(reader) : bare;
    values.set(key, valueBytes(key, name, value));
  }
  const parts = [...values]
    .sort(([a], [b]) => a - b)
    .flatMap(([key, value]) => [words16(key, value.length), value]);
  return joinBytes(...parts);
}

/** `KEY="VALUE"`: the quotes make the value a word of its own. */
function quotedValue(reader: WordReader): string {
  const word: Word | undefined = reader.peek();
  return word?.isQuoted === true ? reader.next("VALUE").text : "";
}

function keyNumber(name: string): number {
  const known = KEYS.indexOf(name);
  if (known >= 0) return known;
  if (name === "dohpath") return 7;
  const number = /^key([0-9]{1,5})$/.exec(name)?.[1];
  return number !== undefined && Number(number) < 0xffff ? Number(number) : -1;
}

function valueBytes(key: number, name: string, value: string): Uint8Array {
  switch (KEYS[key]) {
    case "mandatory": {
      const keys = value.split(",").map(keyNumber);
      if (keys.includes(-1)) throw new RangeError(`expected keys after mandatory=, got "${value}"`);
      return words16(...keys.sort((a, b) => a - b));
    }
    case "alpn":
      return joinBytes(
        ...value.split(LIST_COMMA).map((protocol) => {
          const bytes = wordBytes(protocol.replace("\\,", ","));
          if (bytes.length > 0 && bytes.length <= 255) return Uint8Array.of(bytes.length, ...bytes);
          throw new RangeError(`expected protocols after alpn=, such as h2,h3, got "${value}"`);
        }),
      );
    case "no-default-alpn":
      if (value === "") return new Uint8Array(0);
      throw new RangeError("expected no-default-alpn without a value");
    case "port":
      if (/^[0-9]{1,5}$/.test(value) && Number(value) <= 0xffff) return words16(Number(value));
      throw new RangeError(`expected a port from 0 to 65535, got "${value}"`);
    case "ipv4hint":
      return addresses(name, value, 4);
    case "ipv6hint":
      return addresses(name, value, 16);
    case "ech":
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value) || value.length % 4 !== 0) {
        throw new RangeError(`expected base64 after ech=, got "${value}"`);
      }
      return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
    default:
      return wordBytes(value);
  }
}

function addresses(name: string, value: string, length: number): Uint8Array {
  return joinBytes(
    ...value.split(",").map((text) => {
      const bytes = parseIpAddress(text);
      if (bytes?.length === length) return bytes;
      throw new RangeError(`expected addresses after ${name}=, got "${text}"`);
    }),
  );
}

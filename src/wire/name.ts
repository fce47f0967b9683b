/**
 * Names between their two forms: text, as in a Corefile or a log, and wire, as in a message.
 *
 * For set-up, logs and tools: plain code that allocates. What the data plane does with names is in
 * fold_name.ts, query.ts and compressed_name.ts.
 */

import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from "./constants.ts";

const BACKSLASH = "\\";
/** Printable ASCII, without the space. */
const PRINTABLE_FIRST = 0x21;
const PRINTABLE_LAST = 0x7e;
/** Bytes that mean something in zone files (RFC 1035 §5.1), so they are escaped in text. */
const ESCAPED = new Set(['"', "$", "(", ")", ".", ";", "@", BACKSLASH].map(codeOf));

/**
 * Reads a name in text form, with or without the dot at its end: "example.org", ".", "a\\.b.org".
 * `\.` is a dot inside a label, `\065` the byte 65; other characters must be ASCII.
 *
 * @returns the wire form, in the case of the text.
 * @throws {RangeError} when it is no name; the message says why.
 * @example nameToWire("a.org") // Uint8Array [1, 97, 3, 111, 114, 103, 0]
 */
export function nameToWire(text: string): Uint8Array {
  if (text === "") throw new RangeError("Cannot read a name: it is empty");
  const wire: number[] = [0];
  let labelStart = 0;
  let at = text === "." ? 1 : 0;
  while (at < text.length) {
    if (text[at] === ".") {
      labelStart = endLabel(text, wire, labelStart);
      at++;
      continue;
    }
    const taken = readByte(text, at, wire);
    at += taken;
  }
  if (labelStart !== wire.length - 1) endLabel(text, wire, labelStart);
  if (wire.length > NAME_BYTES_MAX) {
    throw new RangeError(`Cannot read the name ${text}: it takes ${wire.length} bytes, not 255`);
  }
  return Uint8Array.from(wire);
}

/**
 * Writes the name at `bytes[offset…]` as text, with a dot at its end: "example.org.".
 *
 * For names that were read before: follows no pointer and stops where the bytes are no name.
 * What could confuse a terminal or a zone file is escaped.
 */
export function wireToName(bytes: Uint8Array, offset = 0): string {
  let text = "";
  let at = offset;
  while (at < bytes.length && bytes[at] !== 0 && bytes[at] <= LABEL_BYTES_MAX) {
    const end = Math.min(at + 1 + bytes[at], bytes.length);
    for (at++; at < end; at++) text += byteToText(bytes[at]);
    text += ".";
  }
  return text === "" ? "." : text;
}

/**
 * Whether the name in `name[0, nameLength)` is `zone` or lies below it. Both in folded wire form.
 *
 * @example isBelow(nameToWire("org"), nameToWire("example.org"), 13) // true
 */
export function isBelow(zone: Uint8Array, name: Uint8Array, nameLength: number): boolean {
  const start = nameLength - zone.length;
  let at = 0;
  while (at < start) at += 1 + name[at];
  if (at !== start) return false;
  for (let index = 0; index < zone.length; index++) {
    if (name[start + index] !== zone[index]) return false;
  }
  return true;
}

/** Turns ASCII capitals into small letters, in a copy: the form in which names are compared. */
export function foldWireName(wire: Uint8Array): Uint8Array {
  return wire.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte));
}

/** Fills in the length of the label at `labelStart` and begins the next one. */
function endLabel(text: string, wire: number[], labelStart: number): number {
  const length = wire.length - labelStart - 1;
  if (length === 0) throw new RangeError(`Cannot read the name ${text}: a label is empty`);
  if (length > LABEL_BYTES_MAX) {
    throw new RangeError(`Cannot read the name ${text}: a label takes ${length} bytes, not 63`);
  }
  wire[labelStart] = length;
  wire.push(0);
  return wire.length - 1;
}

/** Appends the byte written at `text[at…]` and returns how many characters that took. */
function readByte(text: string, at: number, wire: number[]): number {
  const code = text.charCodeAt(at);
  if (text[at] === BACKSLASH) {
    const digits = /^[0-9]{3}/.exec(text.slice(at + 1))?.[0];
    if (digits !== undefined && Number(digits) <= 0xff) {
      wire.push(Number(digits));
      return 1 + digits.length;
    }
    const next = text.charCodeAt(at + 1);
    if (digits !== undefined || !(next >= PRINTABLE_FIRST && next <= PRINTABLE_LAST)) {
      throw new RangeError(`Cannot read the name ${text}: bad escape at character ${at + 1}`);
    }
    wire.push(next);
    return 2;
  }
  if (!(code >= PRINTABLE_FIRST && code <= PRINTABLE_LAST)) {
    throw new RangeError(
      `Cannot read the name ${text}: character ${at + 1} is not printable ASCII, write it as \\DDD`,
    );
  }
  wire.push(code);
  return 1;
}

function byteToText(byte: number): string {
  if (ESCAPED.has(byte)) return BACKSLASH + String.fromCharCode(byte);
  if (byte >= PRINTABLE_FIRST && byte <= PRINTABLE_LAST) return String.fromCharCode(byte);
  return BACKSLASH + String(byte).padStart(3, "0");
}

function codeOf(character: string): number {
  return character.charCodeAt(0);
}

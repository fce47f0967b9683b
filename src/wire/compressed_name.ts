// Hot path.
/**
 * Names inside replies, where pointers to earlier names are allowed (RFC 1035 §4.1.4).
 *
 *   03 'w' 'w' 'w' c0 0c       labels, then a pointer to what stands at 12 in the message
 *
 * `nameEnd` checks a name once; the other functions trust what it has accepted. A pointer must aim
 * at a place before the labels it ends, so following pointers goes strictly backwards and ends.
 */

import {
  HEADER_BYTES,
  LABEL_BYTES_MAX,
  LABELS_MAX,
  NAME_BYTES_MAX,
  POINTER_BITS,
  POINTER_BYTES,
  POINTER_MASK,
} from "./constants.ts";

/**
 * Checks the name at `start` in the message `bytes[message, end)`, with all that it points to.
 *
 * @returns where the bytes behind it begin, or 0 when it is malformed: a label over 63 or a name
 * over 255 bytes, an overrun, a reserved length byte, a pointer forwards, to itself or into the
 * header.
 */
export function nameEnd(bytes: Uint8Array, message: number, start: number, end: number): number {
  let behind = 0;
  let at = start;
  let segment = start;
  let nameLength = 1;
  let pointerCount = 0;
  while (at < end) {
    const labelLength = bytes[at];
    if (labelLength === 0) return behind === 0 ? at + 1 : behind;
    if (labelLength <= LABEL_BYTES_MAX) {
      nameLength += 1 + labelLength;
      if (nameLength > NAME_BYTES_MAX) return 0;
      at += 1 + labelLength;
      continue;
    }
    if (labelLength < POINTER_BITS || at + POINTER_BYTES > end) return 0;
    if (behind === 0) behind = at + POINTER_BYTES;
    at = pointerTarget(bytes, message, at);
    // More pointers than labels are an attempt to keep us busy, no name.
    if (at >= segment || at < message + HEADER_BYTES || ++pointerCount > LABELS_MAX) return 0;
    segment = at;
  }
  return 0;
}

/** Whether two names of one message are equal but for ASCII case. */
export function isSameName(
  bytes: Uint8Array,
  message: number,
  one: number,
  other: number,
): boolean {
  let oneAt = one;
  let otherAt = other;
  for (;;) {
    oneAt = skipPointers(bytes, message, oneAt);
    otherAt = skipPointers(bytes, message, otherAt);
    if (oneAt === otherAt) return true;
    const labelLength = bytes[oneAt];
    if (labelLength !== bytes[otherAt]) return false;
    if (labelLength === 0) return true;
    for (let index = 1; index <= labelLength; index++) {
      if (foldByte(bytes[oneAt + index]) !== foldByte(bytes[otherAt + index])) return false;
    }
    oneAt += 1 + labelLength;
    otherAt += 1 + labelLength;
  }
}

/** Whether the name at `below` is the one at `above` or lies below it, in one message. */
export function isNameBelow(
  bytes: Uint8Array,
  message: number,
  above: number,
  below: number,
): boolean {
  let at = below;
  for (;;) {
    if (isSameName(bytes, message, above, at)) return true;
    at = skipPointers(bytes, message, at);
    if (bytes[at] === 0) return false;
    at += 1 + bytes[at];
  }
}

/**
 * Writes the name at `start` to `into[0…]`, without pointers and in its own case.
 *
 * @returns its length, 1..255.
 */
export function expandName(
  bytes: Uint8Array,
  message: number,
  start: number,
  into: Uint8Array,
): number {
  let at = start;
  let length = 0;
  for (;;) {
    at = skipPointers(bytes, message, at);
    const labelLength = bytes[at];
    for (let index = 0; index <= labelLength; index++) into[length++] = bytes[at + index];
    if (labelLength === 0) return length;
    at += 1 + labelLength;
  }
}

/** Whether the name at `at` of a message equals the one without pointers at `plain[plainAt…]`. */
export function isSameAsPlain(
  bytes: Uint8Array,
  message: number,
  start: number,
  plain: Uint8Array,
  plainStart: number,
): boolean {
  let at = start;
  let plainAt = plainStart;
  for (;;) {
    at = skipPointers(bytes, message, at);
    const labelLength = bytes[at];
    if (labelLength !== plain[plainAt]) return false;
    if (labelLength === 0) return true;
    for (let index = 1; index <= labelLength; index++) {
      if (foldByte(bytes[at + index]) !== foldByte(plain[plainAt + index])) return false;
    }
    at += 1 + labelLength;
    plainAt += 1 + labelLength;
  }
}

/** Turns an ASCII capital into the small letter. */
export function foldByte(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function skipPointers(bytes: Uint8Array, message: number, start: number): number {
  let at = start;
  while (bytes[at] >= POINTER_BITS) at = pointerTarget(bytes, message, at);
  return at;
}

function pointerTarget(bytes: Uint8Array, message: number, at: number): number {
  return message + (((bytes[at] << 8) | bytes[at + 1]) & POINTER_MASK);
}

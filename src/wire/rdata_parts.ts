/** Pieces that record data are put together from. Plain code that allocates. */

const STRING_BYTES_MAX = 255;

/**
 * A character string: its length and its bytes (RFC 1035 §3.3).
 *
 * @throws {RangeError} when it takes more than 255 bytes in UTF-8.
 */
export function characterString(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > STRING_BYTES_MAX) {
    throw new RangeError(
      `Cannot write a character string: it takes ${bytes.length} bytes, not 255`,
    );
  }
  return Uint8Array.of(bytes.length, ...bytes);
}

/** 16-bit numbers in network order. */
export function words16(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [(value >> 8) & 0xff, value & 0xff]));
}

/** One array of all parts. */
export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

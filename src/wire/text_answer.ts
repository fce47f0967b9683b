/**
 * An answer that is one TXT record: what a server says about itself (RFC 4892 shows the custom).
 *
 *   header 12 | question as asked | owner (pointer to the question), TXT, class of the question,
 *   TTL 0, one string
 */

import { writeError } from "./answer.ts";
import {
  HEADER_ANCOUNT,
  HEADER_BYTES,
  POINTER_BITS,
  POINTER_BYTES,
  RCODE_NOERROR,
  RECORD_CLASS,
  RECORD_FIXED_BYTES,
  RECORD_RDLENGTH,
  RECORD_TTL,
  RECORD_TYPE,
  TYPE_TXT,
} from "./constants.ts";
import type { Query } from "./query.ts";

const TEXT_BYTES_MAX = 255;

/**
 * Writes the answer to `query`. Cold: nobody asks for it often.
 *
 * @param target as for `writeError`, with room for 284 bytes and the text.
 * @param limitBytes what the client can take; 512 are always enough.
 * @param text ASCII; only the first 255 bytes are said.
 * @returns the bytes written.
 */
export function writeTextAnswer(
  ioWords: Int32Array,
  ioView: DataView,
  target: number,
  limitBytes: number,
  query: Query,
  text: Uint8Array,
): number {
  const bare = writeError(ioWords, ioView, target, limitBytes, query, RCODE_NOERROR);
  const length = Math.min(text.length, TEXT_BYTES_MAX);
  const record = HEADER_BYTES + query.questionLength;
  const recordBytes = POINTER_BYTES + RECORD_FIXED_BYTES + 1 + length;
  // Records of the additional section, which is the OPT, come last.
  for (let at = bare - 1; at >= record; at--) {
    ioView.setUint8(target + at + recordBytes, ioView.getUint8(target + at));
  }
  const fixed = target + record + POINTER_BYTES;
  ioView.setUint16(target + HEADER_ANCOUNT, 1);
  ioView.setUint16(target + record, (POINTER_BITS << 8) | HEADER_BYTES);
  ioView.setUint16(fixed + RECORD_TYPE, TYPE_TXT);
  ioView.setUint16(fixed + RECORD_CLASS, query.class);
  ioView.setUint32(fixed + RECORD_TTL, 0);
  ioView.setUint16(fixed + RECORD_RDLENGTH, 1 + length);
  const rdata = fixed + RECORD_FIXED_BYTES;
  ioView.setUint8(rdata, length);
  for (let at = 0; at < length; at++) ioView.setUint8(rdata + 1 + at, text[at]!);
  return bare + recordBytes;
}

/** Lines for the log that a worker words itself. Cold: for what happens seldom. */

import { RECORD_KIND, RECORD_NAME, RECORD_TEXT } from "../handoff/records.ts";
import type { RingWriter } from "../handoff/ring.ts";

const TEXT_BYTES_MAX = 2048;

const record = new Int32Array(new SharedArrayBuffer(RECORD_NAME + TEXT_BYTES_MAX));
const bytes = new Uint8Array(record.buffer);

/** Prints `text` as a line; what is beyond 2 KiB is left out. */
export function logText(ring: RingWriter, text: string): void {
  const encoded = new TextEncoder().encode(text).subarray(0, TEXT_BYTES_MAX);
  bytes[RECORD_KIND] = RECORD_TEXT;
  bytes.set(encoded, RECORD_NAME);
  ring.write(record, RECORD_NAME + encoded.length);
}

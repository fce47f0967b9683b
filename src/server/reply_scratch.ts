/** Where an upstream's reply becomes an entry image, and where waiters are answered from. */

import { ENTRY_HEADER_BYTES, IMAGE_BYTES_MAX, TTLS_MAX } from "../cache/entry.ts";
import { Decision } from "../cache/policy.ts";
import { NO_EDE } from "../wire/constants.ts";

export class ReplyScratch {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** Offsets of TTL fields in the message. */
  readonly ttlOffsets = new Uint16Array(new SharedArrayBuffer(TTLS_MAX * 2));
  /** A folded name, for comparing. */
  readonly name = new Int32Array(new SharedArrayBuffer(256));
  readonly nameBytes = new Uint8Array(this.name.buffer);
  readonly decision = new Decision();
  /** Where the message of the image stands; the image itself is at 0. */
  readonly messageOffset = ENTRY_HEADER_BYTES;
  messageLength = 0;
  ttlCount = 0;
  /** What answers from it say to those who speak EDNS: EDE_…, or NO_EDE. */
  infoCode = NO_EDE;

  constructor() {
    const buffer = new SharedArrayBuffer((IMAGE_BYTES_MAX + 64) & ~63);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.view = new DataView(buffer);
  }
}

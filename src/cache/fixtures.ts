/**
 * The one place in which the tests of this folder make names and entry images.
 *
 * All options that a test sets are meaningful for it; everything else has a value that does not
 * matter.
 */
import { buildEntry, ENTRY_HEADER_BYTES, IMAGE_BYTES_MAX, KIND_SUCCESS } from "./entry.ts";
import { Decision } from "./policy.ts";

const DNS_HEADER_BYTES = 12;
const QUESTION_TAIL_BYTES = 4;
const RECORD_BYTES = 16;
const TTL_IN_RECORD = 6;

/** A folded wire name, as `readQuery()` leaves it. */
export interface NameFixture {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly lengthBytes: number;
  readonly hash: number;
}

export interface ImageOptions {
  readonly name: NameFixture;
  /** @default {1} A */
  readonly type?: number;
  /** @default {1} IN */
  readonly dnsClass?: number;
  readonly variant?: number;
  readonly view?: number;
  readonly kind?: number;
  /** @default {0} */
  readonly nowSec?: number;
  /** @default {60} */
  readonly lifetimeSec?: number;
  /** TTLs of the records, 16 bytes each, owner compressed. @default {[60]} */
  readonly ttlsSec?: readonly number[];
  /** Bytes of the message beyond its records, filled with `fill`. */
  readonly extraBytes?: number;
  /** Low byte fills the addresses of the records and the extra bytes. @default {0} */
  readonly fill?: number;
}

/** Scratch memory for one image, at byte 0. Borrowed by every image that is made in it. */
export class Scratch {
  readonly buffer = new SharedArrayBuffer((IMAGE_BYTES_MAX + 3) & ~3);
  readonly bytes = new Uint8Array(this.buffer);
  readonly words = new Int32Array(this.buffer);
  readonly view = new DataView(this.buffer);
  readonly ttlOffsets = new Uint16Array(new SharedArrayBuffer(2 * 8192));
}

/** @param hash of the name; FNV-1a of its bytes by default. */
export function nameFixture(text: string, hash?: number): NameFixture {
  const words = new Int32Array(new SharedArrayBuffer(256));
  const bytes = new Uint8Array(words.buffer);
  let at = 0;
  for (const label of text.split(".")) {
    if (label === "") continue;
    bytes[at++] = label.length;
    for (let i = 0; i < label.length; i++) bytes[at++] = label.charCodeAt(i);
  }
  at++;
  let fnv = 0x811c_9dc5;
  for (let i = 0; i < at; i++) fnv = Math.imul(fnv ^ bytes[i], 0x0100_0193);
  return { words, bytes, lengthBytes: at, hash: hash ?? fnv | 0 };
}

/** Writes an image at byte 0 of `scratch`. @returns its length in bytes. */
export function writeImage(scratch: Scratch, options: ImageOptions): number {
  const { name, type = 1, dnsClass = 1, variant = 0, view = 0, kind = KIND_SUCCESS } = options;
  const { nowSec = 0, lifetimeSec = 60, ttlsSec = [60], extraBytes = 0, fill = 0 } = options;
  const message = ENTRY_HEADER_BYTES;
  const question = DNS_HEADER_BYTES + name.lengthBytes + QUESTION_TAIL_BYTES;
  const messageLength = question + ttlsSec.length * RECORD_BYTES + extraBytes;
  const { bytes, view: data } = scratch;
  bytes.fill(fill & 0xff, message, message + messageLength);
  data.setUint32(message, 0x8180);
  data.setUint16(message + 4, 1);
  data.setUint16(message + 6, ttlsSec.length);
  data.setUint32(message + 8, 0);
  for (let i = 0; i < name.lengthBytes; i++) {
    bytes[message + DNS_HEADER_BYTES + i] = name.bytes[i] as number;
  }
  data.setUint16(message + question - 4, type);
  data.setUint16(message + question - 2, dnsClass);
  for (let i = 0; i < ttlsSec.length; i++) {
    const record = question + i * RECORD_BYTES;
    data.setUint16(message + record, 0xc00c);
    data.setUint16(message + record + 2, type);
    data.setUint16(message + record + 4, dnsClass);
    data.setUint32(message + record + TTL_IN_RECORD, ttlsSec[i] as number);
    data.setUint16(message + record + 10, 4);
    scratch.ttlOffsets[i] = record + TTL_IN_RECORD;
  }
  const decision = new Decision();
  decision.kind = kind;
  decision.lifetimeSec = lifetimeSec;
  return buildEntry(
    scratch.words,
    scratch.view,
    0,
    messageLength,
    scratch.ttlOffsets,
    ttlsSec.length,
    name.hash,
    name.lengthBytes,
    type,
    dnsClass,
    variant,
    view,
    decision,
    nowSec,
  );
}

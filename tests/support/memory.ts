/** Memory as the data plane has it: three views of one SharedArrayBuffer. */

import { Buffer } from "node:buffer";

export interface Memory {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
}

/** @param sizeBytes a multiple of 4. @param fill what every byte holds at first, 0 by default. */
export function makeMemory(sizeBytes: number, fill = 0): Memory {
  const buffer = new SharedArrayBuffer(sizeBytes);
  const bytes = new Uint8Array(buffer).fill(fill);
  return { bytes, words: new Int32Array(buffer), view: new DataView(buffer) };
}

/** Bytes from hex with blanks and line breaks between for the reader. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s+/g, ""), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Small damage to messages, by chance but repeatable. */

import type { Prng } from "../../src/std/prng.ts";

/** Bytes that mean something in DNS: label and pointer bounds, c00c, type OPT, plain letters. */
const BYTES = [0x00, 0x01, 0x02, 0x0c, 0x29, 0x3f, 0x40, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xff];
const SHORTS = [0, 1, 2, 4, 5, 6, 12, 16, 33, 35, 41, 46, 0x3fff, 0x7fff, 0x8000, 0xc00c, 0xffff];
const HEADER_SHORTS = 6;
const CHANGES_MAX = 3;

/** A changed copy of `message`; `other` is another one to take pieces from. */
export function mutate(message: Uint8Array, other: Uint8Array, prng: Prng): Uint8Array {
  let bytes = [...message];
  const changes = 1 + prng.below(CHANGES_MAX);
  for (let change = 0; change < changes; change++) {
    bytes = prng.pick(CHANGES)(bytes, other, prng);
  }
  return Uint8Array.from(bytes.slice(0, 0xffff));
}

type Change = (bytes: number[], other: Uint8Array, prng: Prng) => number[];

const CHANGES: readonly Change[] = [
  flipBit,
  setByte,
  setShort,
  setHeaderShort,
  truncate,
  cutPiece,
  repeatPiece,
  insertPiece,
  pointSomewhere,
];

function flipBit(bytes: number[], _other: Uint8Array, prng: Prng): number[] {
  if (bytes.length > 0) bytes[prng.below(bytes.length)] ^= 1 << prng.below(8);
  return bytes;
}

function setByte(bytes: number[], _other: Uint8Array, prng: Prng): number[] {
  if (bytes.length > 0) bytes[prng.below(bytes.length)] = prng.pick(BYTES);
  return bytes;
}

function setShort(bytes: number[], _other: Uint8Array, prng: Prng): number[] {
  return putShort(bytes, prng.below(bytes.length + 1), prng.pick(SHORTS));
}

function setHeaderShort(bytes: number[], _other: Uint8Array, prng: Prng): number[] {
  return putShort(bytes, 2 * prng.below(HEADER_SHORTS), prng.below(4));
}

function truncate(bytes: number[], _other: Uint8Array, prng: Prng): number[] {
  return bytes.slice(0, prng.below(bytes.length + 1));
}

function cutPiece(bytes: number[], _other: Uint8Array, prng: Prng): number[] {
  const start = prng.below(bytes.length + 1);
  return [...bytes.slice(0, start), ...bytes.slice(start + 1 + prng.below(8))];
}

function repeatPiece(bytes: number[], _other: Uint8Array, prng: Prng): number[] {
  const start = prng.below(bytes.length + 1);
  const piece = bytes.slice(start, start + 1 + prng.below(24));
  return [...bytes.slice(0, start), ...piece, ...bytes.slice(start)];
}

function insertPiece(bytes: number[], other: Uint8Array, prng: Prng): number[] {
  const at = prng.below(bytes.length + 1);
  const start = prng.below(other.length + 1);
  const piece = other.subarray(start, start + 1 + prng.below(40));
  return [...bytes.slice(0, at), ...piece, ...bytes.slice(at)];
}

/** A pointer, most of the time to somewhere inside the message. */
function pointSomewhere(bytes: number[], _other: Uint8Array, prng: Prng): number[] {
  return putShort(bytes, prng.below(bytes.length + 1), 0xc000 | prng.below(bytes.length + 4));
}

function putShort(bytes: number[], at: number, value: number): number[] {
  if (at + 1 < bytes.length) {
    bytes[at] = value >> 8;
    bytes[at + 1] = value & 0xff;
  }
  return bytes;
}

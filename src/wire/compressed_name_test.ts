import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { makeMemory, toHex } from "../../tests/support/memory.ts";
import { expandName, foldByte, isNameBelow, isSameName, nameEnd } from "./compressed_name.ts";

const MESSAGE = 3;

/** Memory with hex placed at offsets of a message. */
function messageOf(parts: Readonly<Record<number, string>>): Uint8Array {
  const { bytes } = makeMemory(512);
  for (const [offset, hex] of Object.entries(parts)) {
    bytes.set(Buffer.from(hex, "hex"), MESSAGE + Number(offset));
  }
  return bytes;
}

function end(bytes: Uint8Array, offset: number, messageLength = 100): number {
  const at = nameEnd(bytes, MESSAGE, MESSAGE + offset, MESSAGE + messageLength);
  return at === 0 ? 0 : at - MESSAGE;
}

// a.example.org at 12, b + pointer to example.org at 32, a pointer to that at 40.
const SAMPLE = messageOf({
  12: "0161" + "076578616d706c65" + "036f726700",
  32: "0162c00e",
  40: "c020",
  50: "0141" + "074558414d504c45" + "034f524700",
  70: "0163" + "c020",
});

test("nameEnd() returns where the bytes behind a name begin", () => {
  assert.deepEqual(
    [12, 14, 26, 32, 40, 70].map((at) => end(SAMPLE, at)),
    [27, 27, 27, 36, 42, 74],
  );
});

test("nameEnd() refuses what does not end before the message does", () => {
  for (let length = 12; length < 27; length++)
    assert.equal(end(SAMPLE, 12, length), 0, `${length}`);
  assert.equal(end(SAMPLE, 12, 27), 27);
  assert.equal(end(SAMPLE, 32, 35), 0);
  assert.equal(end(SAMPLE, 40, 41), 0);
});

test("nameEnd() refuses pointers to themselves, forwards, in circles and into the header", () => {
  const bytes = messageOf({
    20: "c014",
    24: "c01e",
    30: "00",
    34: "0161c022",
    40: "c00b",
    44: "0161c02e",
    46: "c02c",
  });
  for (const at of [20, 24, 34, 40, 44, 46]) assert.equal(end(bytes, at), 0, `${at}`);
});

test("nameEnd() refuses label types 01 and 10", () => {
  for (const first of ["40", "7f", "80", "bf"])
    assert.equal(end(messageOf({ 12: `${first}61` }), 12), 0);
});

test("isSameName() follows pointers on both sides and ignores ASCII case only", () => {
  const isSame = (one: number, other: number) =>
    isSameName(SAMPLE, MESSAGE, MESSAGE + one, MESSAGE + other);
  assert.equal(isSame(12, 12), true);
  assert.equal(isSame(12, 50), true);
  assert.equal(isSame(40, 32), true);
  assert.equal(isSame(12, 32), false);
  assert.equal(isSame(14, 12), false);
  assert.equal(foldByte(0x5b), 0x5b);
  assert.equal(foldByte(0xc1), 0xc1);
});

test("isNameBelow() accepts the name itself, its parents and the root", () => {
  const isBelow = (above: number, below: number) =>
    isNameBelow(SAMPLE, MESSAGE, MESSAGE + above, MESSAGE + below);
  assert.equal(isBelow(14, 32), true);
  assert.equal(isBelow(40, 70), true);
  assert.equal(isBelow(26, 12), true);
  assert.equal(isBelow(50, 12), true);
  assert.equal(isBelow(12, 14), false);
  assert.equal(isBelow(32, 12), false);
});

test("expandName() writes names out without pointers", () => {
  const { bytes } = makeMemory(256);
  const expand = (at: number) =>
    toHex(bytes.subarray(0, expandName(SAMPLE, MESSAGE, MESSAGE + at, bytes)));
  assert.equal(expand(70), "0163" + "0162" + "076578616d706c65" + "036f726700");
  assert.equal(expand(26), "00");
});

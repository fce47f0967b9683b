import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  attribute,
  attributeBe32,
  attributeText,
  attributeU8,
  attributeU32,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  joinBytes,
  nested,
  readBe32,
  readText,
  readU32,
} from "./netlink_message.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("encodeMessage() writes the header that nlmsghdr(7) draws, padded to 4 bytes", () => {
  const body = Uint8Array.of(1, 2, 3);
  const bytes = encodeMessage({ type: 0x10, flags: 0x305, body }, 7);
  assert.equal(hex(bytes), "1300000010000503070000000000000001020300");
});

test("nested() and the attribute functions write what `ip link add d type dummy` sends", () => {
  // strace -e sendmsg ip link add d type dummy
  const bytes = joinBytes([attributeText(3, "d"), nested(18, attributeText(1, "dummy"))]);
  assert.equal(hex(bytes), "060003006400000010001280" + "0a00010064756d6d79000000");
  assert.equal(hex(attributeU8(8, 1)), "0500080001000000");
  assert.equal(hex(attributeU32(4, 3)), "0800040003000000");
  assert.equal(hex(attributeBe32(2, 2)), "0800020000000002");
});

test("decodeMessages() and decodeAttributes() read what was written", () => {
  const values = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(values, { maxLength: 5 }), (bodies) => {
      const bytes = joinBytes(
        bodies.map((attributes, sequence) => {
          const body = joinBytes(attributes.map((value, type) => attribute(type, value)));
          return encodeMessage({ type: 16, flags: 0, body }, sequence);
        }),
      );
      const read = decodeMessages(bytes);
      assert.deepEqual(
        read.map(({ sequence }) => sequence),
        bodies.map((_, sequence) => sequence),
      );
      const attributes = read.map(({ body }) => [...decodeAttributes(body).values()]);
      assert.deepEqual(attributes, bodies);
    }),
  );
});

test("decodeMessages() and decodeAttributes() end at what is cut off, and never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const { body } of decodeMessages(bytes)) decodeAttributes(body);
    }),
  );
  const whole = encodeMessage({ type: 2, flags: 0, body: new Uint8Array(8) }, 1);
  assert.equal(decodeMessages(whole.subarray(0, 20)).length, 0);
});

test("readU32(), readBe32() and readText() answer 0 and nothing where there is no attribute", () => {
  assert.deepEqual([readU32(undefined), readBe32(undefined), readText(undefined)], [0, 0, ""]);
  const bytes = Uint8Array.of(1, 0, 0, 2);
  assert.deepEqual([readU32(bytes), readBe32(bytes)], [0x0200_0001, 0x0100_0002]);
  assert.equal(readText(Uint8Array.of(100, 0, 101)), "d");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../../tests/support/dns_bytes.ts";
import { FLAG_AA, FLAG_RA, TYPE_A, TYPE_MX } from "./constants.ts";
import { type DnsMessage, decodeMessage, encodeMessage, messageFor, recordOf } from "./message.ts";
import { nameToWire } from "./name.ts";
import { words16 } from "./rdata_parts.ts";

const QUESTION = { name: "www.example.org.", type: TYPE_A, class: 1 };

function decoded(bytes: Uint8Array): DnsMessage {
  return decodeMessage(bytes, 0, bytes.length);
}

test("decodeMessage() reads what encodeMessage() wrote", () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((all) => `${all.join(".")}.`);
  const record = fc.record({
    name,
    type: fc.constantFrom(16, 65, 99, 65_280),
    class: fc.constantFrom(1, 3),
    ttlSec: fc.nat(2 ** 31 - 1),
    rdata: fc.uint8Array({ maxLength: 40 }),
  });
  const section = fc.array(record, { maxLength: 5 });
  const message = fc.record({
    flags: fc.constantFrom(0, FLAG_AA, FLAG_AA | FLAG_RA),
    rcode: fc.nat(15),
    question: fc.record({ name, type: fc.nat(65_535), class: fc.constantFrom(1, 3) }),
    answers: section,
    authorities: section,
    additionals: section,
  });
  fc.assert(
    fc.property(message, (one) => {
      // Plain objects: those of fast-check have no prototype.
      assert.deepEqual(decoded(encodeMessage(one)), structuredClone(one));
    }),
  );
});

test("decodeMessage() writes compressed names out, in owners and in data", () => {
  const writer = new ByteWriter(true);
  for (const word of [0, 0x8180, 1, 1, 0, 0]) writer.u16(word);
  writer.name("example.org.", true);
  writer.u16(TYPE_MX);
  writer.u16(1);
  writer.name("example.org.", true);
  writer.u16(TYPE_MX);
  writer.u16(1);
  writer.u32(300);
  // 10, "mail" and a pointer to the question.
  writer.u16(9);
  writer.u16(10);
  writer.name("mail.example.org.", true);
  assert.deepEqual(decoded(writer.finish()).answers, [
    recordOf(
      "example.org.",
      TYPE_MX,
      300,
      Uint8Array.from([...words16(10), ...nameToWire("mail.example.org.")]),
    ),
  ]);
});

test("decodeMessage() refuses what is malformed", () => {
  const whole = encodeMessage(
    messageFor(QUESTION, {
      answers: [recordOf(QUESTION.name, TYPE_A, 1, Uint8Array.of(1, 2, 3, 4))],
    }),
  );
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decoded(whole.slice(0, length)), RangeError, `${length} bytes`);
  }
  const shapes: [at: number, byte: number][] = [
    // No question; a pointer to itself; an A record of 3 bytes.
    [5, 0],
    [12, 0xc0],
    [whole.length - 5, 3],
  ];
  for (const [at, byte] of shapes) {
    const bent = Uint8Array.from(whole);
    bent[at] = byte;
    assert.throws(() => decoded(bent), RangeError, `byte ${at}`);
  }
});

test("encodeMessage() refuses names that are none and messages that are too long", () => {
  const record = recordOf("a..b.", TYPE_A, 1, new Uint8Array(4));
  assert.throws(() => encodeMessage(messageFor(QUESTION, { answers: [record] })), RangeError);
  const long = recordOf("a.", 16, 1, new Uint8Array(65_000));
  assert.throws(() => encodeMessage(messageFor(QUESTION, { answers: [long, long] })), RangeError);
});

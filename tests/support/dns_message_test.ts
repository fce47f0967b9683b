import assert from "node:assert/strict";
import { test } from "node:test";
import dnsPacket from "dns-packet";
import {
  decodeMessage,
  dnsMessage,
  encodeMessage,
  parseRecord,
  recordText,
} from "./dns_message.ts";
import { bytesHex, hexBytes } from "./dns_rdata.ts";

const RECORDS = [
  "www.example.org. 300 A 192.0.2.1",
  "www.example.org. 300 AAAA 2001:db8::1",
  "alias.example.org. 60 CNAME www.example.org.",
  "example.org. 3600 NS ns1.example.org.",
  "example.org. 3600 SOA ns1.example.org. admin.example.org. 7 7200 3600 86400 20",
  "example.org. 3600 MX 10 mail.example.org.",
  'example.org. 0 TXT "two words" "three"',
  "_dns._udp.example.org. 30 SRV 1 2 53 ns1.example.org.",
  "sub.example.org. 30 DNAME other.example.org.",
  "1.2.0.192.in-addr.arpa. 30 PTR www.example.org.",
  "www.example.org. 300 RRSIG A 8 3 300 20240102030405 20231231235959 4711 example.org. abcdef",
  "odd.example.org. 5 TYPE65280 \\# 3 010203",
  "a\\.b\\000\\\\.example.org. 4294967295 A 192.0.2.2",
];

test("encodeMessage() and decodeMessage() agree on every kind of record", () => {
  const question = { name: "wWw.Example.ORG.", type: 1, class: 1 };
  const message = dnsMessage({
    id: 4711,
    flags: ["qr", "rd", "ra"],
    rcode: 16,
    questions: [question],
    answer: RECORDS.map(parseRecord),
    authority: [parseRecord(RECORDS[4]!)],
    additional: [parseRecord(RECORDS[0]!)],
    opt: {
      sizeBytes: 1232,
      version: 0,
      dnssecOk: true,
      options: [{ code: 10, data: hexBytes("0102") }],
    },
  });
  for (const compress of [true, false]) {
    const decoded = decodeMessage(encodeMessage(message, { compress }));
    assert.deepEqual(decoded.answer.map(recordText), RECORDS);
    assert.deepEqual(decoded, message);
  }
});

test("encodeMessage() compresses names that came before, as they were written", () => {
  const message = dnsMessage({
    questions: [{ name: "www.example.org.", type: 1, class: 1 }],
    answer: [parseRecord("www.example.org. 1 CNAME mail.example.org.")],
  });
  assert.equal(
    bytesHex(encodeMessage(message)).slice(24 + 2 * 21),
    "c00c00050001000000010007046d61696cc010",
  );
});

test("decodeMessage() reads what dns-packet writes", () => {
  const bytes = dnsPacket.encode({
    type: "response",
    id: 1,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: "A", name: "www.example.org" }],
    answers: [
      {
        type: "MX",
        name: "example.org",
        ttl: 5,
        data: { preference: 1, exchange: "m.example.org" },
      },
    ],
  });
  const decoded = decodeMessage(bytes);
  assert.deepEqual(decoded.flags, ["qr", "rd"]);
  assert.deepEqual(decoded.answer.map(recordText), ["example.org. 5 MX 1 m.example.org."]);
});

test("decodeMessage() throws for messages that are not well-formed", () => {
  const question = "0000000000010000000000000377777700" + "00010001";
  assert.equal(decodeMessage(hexBytes(question)).questions[0]!.name, "www.");
  const wrong = {
    "a pointer to itself": "000000000001000000000000c00c00010001",
    "a pointer ahead": "000000000001000000000000c01000010001",
    "bytes behind the end": `${question}00`,
    "a message cut short": question.slice(0, -2),
    "a reserved label type": "0000000000010000000000008000010001",
  };
  for (const [what, hex] of Object.entries(wrong)) {
    assert.throws(() => decodeMessage(hexBytes(hex)), RangeError, what);
  }
});

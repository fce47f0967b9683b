import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { classCode, typeName } from "./constants.ts";
import { parseRecord } from "./record_text.ts";

const EXAMPLE = "076578616d706c65036f726700";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

test("parseRecord() reads owner, TTL, class and type", () => {
  const cases: [text: string, name: string, ttlSec: number, dnsClass: string, type: string][] = [
    ["example.org. 60 IN A 192.0.2.1", "example.org.", 60, "IN", "A"],
    ["example.org. IN 60 A 192.0.2.1", "example.org.", 60, "IN", "A"],
    ["example.org 60 A 192.0.2.1", "example.org.", 60, "IN", "A"],
    ["Example.ORG. a 192.0.2.1", "Example.ORG.", 3600, "IN", "A"],
    ["  @ 1h30m ch TXT x", ".", 5400, "CH", "TXT"],
    ["a\\.b.org. 0 IN A 192.0.2.1 ; why", "a\\.b.org.", 0, "IN", "A"],
    ["example.org. (\n 60 ; ttl\n A\n ) 192.0.2.1\n", "example.org.", 60, "IN", "A"],
    ["any. 60 CLASS4 TYPE65280 \\# 1 ff", "any.", 60, "HS", "TYPE65280"],
    ["*.example.org. 2147483647 A 192.0.2.1", "*.example.org.", 2147483647, "IN", "A"],
  ];
  for (const [text, name, ttlSec, dnsClass, type] of cases) {
    const record = parseRecord(text);
    const found = [record.name, record.ttlSec, record.class, typeName(record.type)];
    assert.deepEqual(found, [name, ttlSec, classCode(dnsClass), type], text);
  }
});

test("parseRecord() writes the data of each type", () => {
  const cases: [data: string, bytes: string][] = [
    ["A 192.0.2.1", "c0000201"],
    ["AAAA 2001:db8::1", "20010db8000000000000000000000001"],
    ["NS example.org.", EXAMPLE],
    ["CNAME example.org", EXAMPLE],
    ["PTR example.org.", EXAMPLE],
    ["DNAME .", "00"],
    ["MX 10 example.org.", `000a${EXAMPLE}`],
    ["TXT a", "0161"],
    ['TXT "a b;c" "\\"\\009" ""', "05612062" + "3b630222" + "0900"],
    ["TXT ä", "02c3a4"],
    [`TXT ${"a".repeat(256)}`, `ff${"61".repeat(255)}0161`],
    ["SRV 1 2 53 example.org.", `000100020035${EXAMPLE}`],
    [
      "SOA example.org. . ( 1 2h 3 4 5 )",
      `${EXAMPLE}00${["00000001", "00001c20", "00000003", "00000004", "00000005"].join("")}`,
    ],
    ['CAA 0 issue "ca.example"', "00056973737565" + "63612e6578616d706c65"],
    ['HINFO "ANY obsoleted" x', "0d414e59206f62736f6c6574656401" + "78"],
    ['NAPTR 1 2 "u" "E2U" "!a!" .', "0001000201750345325503216121" + "00"],
    ["DS 1 8 2 ab cd", "00010802abcd"],
    ["DNSKEY 257 3 8 AQ ID", "01010308010203"],
    ["TLSA 3 1 1 abcd", "030101abcd"],
    ["SSHFP 4 2 abcd", "0402abcd"],
    ['URI 1 2 "x:y"', "00010002783a79"],
    ["RP example.org. .", `${EXAMPLE}00`],
    ["TYPE731 \\# 3 ab cdef", "abcdef"],
    ["A \\# 4 c0000201", "c0000201"],
    ["TYPE65280 \\# 0", ""],
    ["SVCB 0 example.org.", `0000${EXAMPLE}`],
    ["HTTPS 1 . alpn=h2,h3 port=443", "000100" + "00010006026832026833" + "0003000201bb"],
    [
      'HTTPS 1 . ipv6hint=2001:db8::1 ipv4hint=192.0.2.1,192.0.2.2 alpn="h2"',
      "000100" +
        "00010003026832" +
        "00040008c0000201c0000202" +
        "0006001020010db8000000000000000000000001",
    ],
    [
      "HTTPS 1 . mandatory=alpn key65000=x no-default-alpn",
      "000100000000020001" + "00020000fde8000178",
    ],
  ];
  for (const [data, bytes] of cases) {
    assert.equal(hex(parseRecord(`example.org. 60 IN ${data}`).rdata), bytes, data);
  }
});

test("parseRecord() says what was expected", () => {
  const cases: [text: string, problem: string][] = [
    ["", "expected an owner name, such as www.example.org., got the end of the text"],
    ["a..b. A 192.0.2.1", "Cannot read the name a..b.: a label is empty"],
    ["a.", "expected a type, such as A, got the end of the text"],
    ["a. 60 IN FOO x", 'expected [TTL] [CLASS] TYPE, such as 60 IN A, got "FOO"'],
    ["a. 60 60 A 192.0.2.1", 'expected [TTL] [CLASS] TYPE, such as 60 IN A, got "60"'],
    ["a. 2147483648 A 192.0.2.1", 'expected a TTL from 0 to 2147483647 seconds, got "2147483648"'],
    ["a. 5x A 192.0.2.1", 'expected a TTL from 0 to 2147483647 seconds, got "5x"'],
    ["a. A", "expected an IPv4 address, got the end of the text"],
    ["a. A 192.0.2.256", 'expected an IPv4 address, got "192.0.2.256"'],
    ["a. AAAA 192.0.2.1", 'expected an IPv6 address, got "192.0.2.1"'],
    ["a. A 192.0.2.1 192.0.2.2", 'expected nothing more, got "192.0.2.2"'],
    ["a. A 192.0.2.1\nb. A 192.0.2.2", "expected one record, got more than one line"],
    ["a. MX 65536 b.", 'expected PREFERENCE from 0 to 65535, got "65536"'],
    ['a. TXT "x', "expected a closing quote"],
    ["a. TXT \\256", 'expected \\000 to \\255, got "\\256"'],
    ["a. ( A 192.0.2.1", "expected a ')' for every '('"],
    ["a. A 192.0.2.1 )", "expected no ')' without '(' before it"],
    ["a. TYPE9 \\# 2 ab", 'expected LENGTH 1 for these data, got "2"'],
    ["a. TYPE9 \\# 1 a", 'expected data in hexadecimal, got "a"'],
    ["a. A \\# 3 c00002", "expected data that have the shape of A"],
    ["a. LOC 51 30 N", "expected data of LOC as \\# LENGTH HEX"],
    ["a. DS 1 8 2 xy", 'expected a digest in hexadecimal, got "xy"'],
    ["a. HTTPS 1 . alp=h2", 'expected a parameter such as alpn=h2 or key65000=x, got "alp=h2"'],
  ];
  for (const [text, problem] of cases) {
    const message = `Cannot read the record "${text}": ${problem}`;
    assert.throws(() => parseRecord(text), { name: "RangeError", message });
  }
});

test("parseRecord() reads any bytes of a text", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = Array.from(bytes, (byte) => `\\${String(byte).padStart(3, "0")}`).join("");
      assert.deepEqual([...parseRecord(`a. TXT "${text}"`).rdata], [bytes.length, ...bytes]);
    }),
  );
});

test("parseRecord() throws nothing but RangeErrors", () => {
  const word = fc.constantFrom(
    "a.",
    "60",
    "IN",
    "A",
    "MX",
    "TXT",
    "HTTPS",
    '"',
    "\\",
    "(",
    ")",
    "\\#",
  );
  const text = fc.array(fc.oneof(word, fc.string({ maxLength: 8 })), { maxLength: 8 });
  fc.assert(
    fc.property(text, (words) => {
      try {
        parseRecord(words.join(" "));
      } catch (error) {
        assert.ok(error instanceof RangeError);
        assert.match(error.message, /^Cannot read the record /);
      }
    }),
  );
});

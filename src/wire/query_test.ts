import assert from "node:assert/strict";
import { test } from "node:test";
import * as dnsPacket from "dns-packet";
import fc from "fast-check";
import { fromHex, makeMemory } from "../../tests/support/memory.ts";
import { nameToWire, wireToName } from "./name.ts";
import {
  QUERY_FORMAT,
  QUERY_IS_REPLY,
  QUERY_OK,
  QUERY_OPCODE,
  QUERY_SHORT,
  QUERY_VERSION,
  Query,
  readQuery,
} from "./query.ts";

const SEED = 0x5eed;
const NAME = "03777777 076578616d706c65 036f7267 00"; // www.example.org
const A_IN = "0001 0001";
const HEADER = "1234 0100 0001 0000 0000";
const OPT = "00 0029 04d0 00000000 0000";

/** Reads `message` at `at`, between poisoned bytes. */
function read(message: Uint8Array, at = 16, query = new Query()): [number, Query] {
  const memory = makeMemory((at + message.length + 67) & ~3, 0xc0);
  memory.bytes.set(message, at);
  return [readQuery(memory.bytes, memory.view, at, message.length, SEED, query), query];
}

function readHex(hex: string): [number, Query] {
  return read(fromHex(hex));
}

test("readQuery() reads header, question and OPT of an ordinary query", () => {
  const [code, query] = readHex(
    `abcd 0130 0001 0000 0000 0001 03575777 076578616d706c65 036f7267 00 001c 0001
     00 0029 1000 00008000 000c 000a 0008 0102030405060708`,
  );
  assert.equal(code, QUERY_OK);
  const { id, flags, type, udpSizeBytes, nameLength, questionOffset, questionLength } = query;
  assert.deepEqual(
    { id, flags, type, udpSizeBytes, nameLength, questionOffset, questionLength },
    {
      id: 0xabcd,
      flags: 0x0130,
      type: 28,
      udpSizeBytes: 4096,
      nameLength: 17,
      questionOffset: 28,
      questionLength: 21,
    },
  );
  assert.equal(query.class, 1);
  assert.equal(query.recursionDesired, 1);
  assert.equal(query.authenticData, 1);
  assert.equal(query.checkingDisabled, 1);
  assert.equal(query.dnssecOk, 1);
  assert.equal(query.hasOpt, 1);
  assert.equal(query.optionsOffset, 28 + 21 + 11);
  assert.equal(query.optionsLength, 12);
  assert.deepEqual([...query.labels.subarray(0, query.labelCount)], [0, 4, 12]);
  assert.deepEqual(query.nameBytes.slice(0, 17), nameToWire("www.example.org"));
  assert.deepEqual([...query.nameBytes.slice(17, 20)], [0, 0, 0]);
});

test("readQuery() forgets what it read before", () => {
  const query = new Query();
  read(fromHex(`${HEADER} 0001 ${NAME} ${A_IN} 00 0029 1000 00018000 0004 0003 0000`), 16, query);
  assert.equal(query.ednsVersion, 1);
  const [code] = read(fromHex("0001 0000 0001 0000 0000 0000 00 0002 0003"), 16, query);
  const fresh = read(fromHex("0001 0000 0001 0000 0000 0000 00 0002 0003"))[1];
  assert.equal(code, QUERY_OK);
  for (const key of Object.keys(query) as (keyof Query)[]) {
    if (typeof query[key] === "number") assert.equal(query[key], fresh[key], key);
  }
  read(fromHex("0001 0000 0000 0000 0000 0000"), 16, query);
  assert.equal(query.questionLength, 0);
  assert.equal(query.hash, 0);
});

const TABLE: readonly (readonly [string, number, string])[] = [
  ["nothing at all", QUERY_SHORT, ""],
  ["11 bytes", QUERY_SHORT, "1234 0100 0001 0000 0000 00"],
  ["QR is 1", QUERY_IS_REPLY, `1234 8100 0001 0000 0000 0000 ${NAME} ${A_IN}`],
  ["QR is 1 and the opcode unknown", QUERY_IS_REPLY, "1234 f800 0000 0000 0000 0000"],
  ["opcode 15", QUERY_OPCODE, `1234 7900 0001 0000 0000 0000 ${NAME} ${A_IN}`],
  ["opcode 5 with nothing that can be read", QUERY_OPCODE, "1234 2800 ffff ffff ffff ffff 7f"],
  ["QDCOUNT is 0", QUERY_FORMAT, "1234 0100 0000 0000 0000 0000"],
  ["QDCOUNT is 2", QUERY_FORMAT, `1234 0100 0002 0000 0000 0000 ${NAME} ${A_IN} ${NAME} ${A_IN}`],
  ["ANCOUNT is 1", QUERY_FORMAT, `1234 0100 0001 0001 0000 0000 ${NAME} ${A_IN}`],
  ["NSCOUNT is 1", QUERY_FORMAT, `1234 0100 0001 0000 0001 0000 ${NAME} ${A_IN}`],
  ["no question behind the header", QUERY_FORMAT, `${HEADER} 0000`],
  ["the name has no end", QUERY_FORMAT, `${HEADER} 0000 03777777`],
  ["a label overruns", QUERY_FORMAT, `${HEADER} 0000 3f777777 00 ${A_IN}`],
  ["TYPE is cut", QUERY_FORMAT, `${HEADER} 0000 ${NAME} 00`],
  ["CLASS is cut", QUERY_FORMAT, `${HEADER} 0000 ${NAME} 0001 00`],
  ["a label of 64 bytes", QUERY_FORMAT, `${HEADER} 0000 40 ${"61".repeat(64)} 00 ${A_IN}`],
  ["the name points to itself", QUERY_FORMAT, `${HEADER} 0000 c00c ${A_IN}`],
  ["the name points to its own label", QUERY_FORMAT, `${HEADER} 0000 0161 c00c ${A_IN}`],
  ["the name points into the header", QUERY_FORMAT, `${HEADER} 0000 0161 c004 ${A_IN}`],
  ["a name of 255 bytes", QUERY_OK, `${HEADER} 0000 ${"0161".repeat(127)} 00 ${A_IN}`],
  ["a name of 256 bytes", QUERY_FORMAT, `${HEADER} 0000 ${"0161".repeat(126)} 026161 00 ${A_IN}`],
  ["the root", QUERY_OK, `${HEADER} 0000 00 ${A_IN}`],
  ["type 0", QUERY_FORMAT, `${HEADER} 0000 ${NAME} 0000 0001`],
  ["type OPT", QUERY_FORMAT, `${HEADER} 0000 ${NAME} 0029 0001`],
  ["type TSIG", QUERY_FORMAT, `${HEADER} 0000 ${NAME} 00fa 0001`],
  ["type TKEY", QUERY_FORMAT, `${HEADER} 0000 ${NAME} 00f9 0001`],
  ["type 666 and class CH", QUERY_OK, `${HEADER} 0000 ${NAME} 029a 0003`],
  ["AA, TC, RA, Z and an rcode are set", QUERY_OK, `1234 06cf 0001 0000 0000 0000 00 ${A_IN}`],
  ["bytes follow the question", QUERY_OK, `${HEADER} 0000 ${NAME} ${A_IN} c00cdeadbeef`],
  ["bytes follow the OPT", QUERY_OK, `${HEADER} 0001 ${NAME} ${A_IN} ${OPT} ff`],
  ["ARCOUNT is 1 and nothing follows", QUERY_FORMAT, `${HEADER} 0001 ${NAME} ${A_IN}`],
  ["the OPT is cut", QUERY_FORMAT, `${HEADER} 0001 ${NAME} ${A_IN} 00 0029 04d0 00000000 00`],
  ["the OPT's RDLENGTH overruns", QUERY_FORMAT, `${HEADER} 0001 00 ${A_IN} 00002904d0000000000001`],
  ["two OPT", QUERY_FORMAT, `${HEADER} 0002 ${NAME} ${A_IN} ${OPT} ${OPT}`],
  ["the OPT's owner is not the root", QUERY_FORMAT, `${HEADER} 0001 ${NAME} ${A_IN} 0161 ${OPT}`],
  [
    "the OPT's owner points to a root",
    QUERY_FORMAT,
    `${HEADER} 0001 ${NAME} ${A_IN} c01c${OPT.slice(2)}`,
  ],
  ["EDNS version 1", QUERY_VERSION, `${HEADER} 0001 ${NAME} ${A_IN} 00 0029 04d0 00010000 0000`],
  ["unknown EDNS flags", QUERY_OK, `${HEADER} 0001 ${NAME} ${A_IN} 00 0029 04d0 00007fff 0000`],
  [
    "an unknown option",
    QUERY_OK,
    `${HEADER} 0001 00 ${A_IN} 00 0029 04d0 00000000 0005 0064 0001 aa`,
  ],
  [
    "an option overruns",
    QUERY_FORMAT,
    `${HEADER} 0001 00 ${A_IN} 00 0029 04d0 00000000 0004 0064 0001`,
  ],
  ["half an option", QUERY_FORMAT, `${HEADER} 0001 00 ${A_IN} 00 0029 04d0 00000000 0003 006400`],
  [
    "a TSIG before the OPT",
    QUERY_OK,
    `${HEADER} 0002 ${NAME} ${A_IN} 036b6579 00 00fa 00ff 00000000 0002 abcd ${OPT}`,
  ],
  [
    "an A with a compressed owner before the OPT",
    QUERY_OK,
    `${HEADER} 0002 ${NAME} ${A_IN} c00c ${A_IN} 00000000 0004 c0000201 ${OPT}`,
  ],
  ["an owner pointer is cut", QUERY_FORMAT, `${HEADER} 0001 ${NAME} ${A_IN} c0`],
];

const CODES = ["OK", "SHORT", "IS_REPLY", "OPCODE", "FORMAT", "VERSION"];

for (const [what, expected, hex] of TABLE) {
  test(`readQuery() answers QUERY_${CODES[expected]} when: ${what}`, () => {
    assert.equal(readHex(hex)[0], expected);
  });
}

test("readQuery() keeps the question of what it refuses, if it could be read", () => {
  for (const hex of [
    `1234 7900 0001 0000 0000 0000 ${NAME} ${A_IN}`,
    `1234 0100 0001 0001 0000 0000 ${NAME} ${A_IN}`,
    `${HEADER} 0002 ${NAME} ${A_IN} ${OPT} ${OPT}`,
  ]) {
    assert.equal(readHex(hex)[1].questionLength, 21, hex);
  }
  assert.equal(readHex(`${HEADER} 0002 ${NAME} ${A_IN} ${OPT} ${OPT}`)[1].hasOpt, 1);
  assert.equal(readHex(`${HEADER} 0001 ${NAME} ${A_IN} 0161 ${OPT}`)[1].hasOpt, 0);
});

test("readQuery() takes an advertised size below 512 as 512", () => {
  assert.equal(
    readHex(`${HEADER} 0001 00 ${A_IN} 00 0029 0064 00000000 0000`)[1].udpSizeBytes,
    512,
  );
  assert.equal(
    readHex(`${HEADER} 0001 00 ${A_IN} 00 0029 ffff 00000000 0000`)[1].udpSizeBytes,
    65535,
  );
});

test("readQuery() reads whatever dns-packet encodes, at any alignment", () => {
  const name = fc
    .array(fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/), { minLength: 1, maxLength: 6 })
    .map((labels) => labels.join("."));
  const types = fc.constantFrom("A", "AAAA", "MX", "PTR", "SOA", "SRV", "TXT", "CAA", "DS");
  fc.assert(
    fc.property(
      name,
      types,
      fc.boolean(),
      fc.integer({ min: 0, max: 3 }),
      (host, type, dnssec, at) => {
        const additionals: dnsPacket.Answer[] = [
          {
            type: "OPT",
            name: ".",
            udpPayloadSize: 4096,
            flags: dnssec ? dnsPacket.DNSSEC_OK : 0,
          } as dnsPacket.OptAnswer,
        ];
        const message = dnsPacket.encode({
          type: "query",
          id: 7,
          flags: dnsPacket.RECURSION_DESIRED,
          questions: [{ type: type as dnsPacket.RecordType, name: host }],
          additionals,
        });
        const [code, query] = read(message, 16 + at);
        assert.equal(code, QUERY_OK);
        assert.equal(wireToName(query.nameBytes), host.toLowerCase() + ".");
        assert.equal(query.labelCount, host.split(".").length);
        assert.equal(query.dnssecOk, dnssec ? 1 : 0);
        assert.equal(query.udpSizeBytes, 4096);
      },
    ),
  );
});

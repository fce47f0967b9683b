import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, makeMemory } from "../../tests/support/memory.ts";
import { wireToName } from "./name.ts";
import {
  EDE_NONE,
  REPLY_FORMAT,
  REPLY_NOT_REPLY,
  REPLY_OK,
  REPLY_SHORT,
  Reply,
  readReply,
} from "./reply.ts";
import { isNegative } from "./reply_conclusion.ts";

const CODES = ["OK", "SHORT", "NOT_REPLY", "FORMAT"];
const AT = 17;

// Offsets in the message: www at 12, example at 16, org at 24, the root at 28.
const NAME = "03777777 076578616d706c65 036f7267 00";
const A_IN = "0001 0001";
const A_RECORD = "c00c 0001 0001 0000012c 0004 c0000201";
const OPT = "00 0029 04d0 00000000 0000";
const SOA_DATA = "026e73c010 0161c010 00000001 00000002 00000003 00000004 00000014";

function question(counts: string, type = A_IN): string {
  return `1234 8180 0001 ${counts} ${NAME} ${type}`;
}

function read(hex: string, reply = new Reply()): [number, Reply] {
  const message = fromHex(hex);
  const memory = makeMemory((AT + message.length + 67) & ~3, 0xc0);
  memory.bytes.set(message, AT);
  return [readReply(memory.bytes, memory.view, AT, message.length, reply), reply];
}

/** Reads a reply that must be well-formed. */
function readOk(hex: string): Reply {
  const [code, reply] = read(hex);
  assert.equal(code, REPLY_OK);
  return reply;
}

function record(owner: string, type: number, data: string, ttl = "0000012c"): string {
  const bytes = fromHex(data).length;
  return `${owner} ${hex16(type)} 0001 ${ttl} ${hex16(bytes)} ${data}`;
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, "0");
}

/** A reply with one answer of this type and data. */
function one(type: number, data: string): string {
  return question("0001 0000 0000") + record("c00c", type, data);
}

const TABLE: readonly (readonly [string, number, string])[] = [
  ["11 bytes", REPLY_SHORT, "1234 8180 0001 0000 0000 00"],
  ["QR is 0", REPLY_NOT_REPLY, `1234 0180 0001 0000 0000 0000 ${NAME} ${A_IN}`],
  ["the opcode is not QUERY", REPLY_NOT_REPLY, `1234 a180 0001 0000 0000 0000 ${NAME} ${A_IN}`],
  ["there are no records", REPLY_OK, question("0000 0000 0000")],
  ["an error has no question", REPLY_OK, "1234 8181 0000 0000 0000 0000"],
  ["QDCOUNT is 2", REPLY_FORMAT, `1234 8180 0002 0000 0000 0000 ${NAME} ${A_IN} ${NAME} ${A_IN}`],
  ["the question is cut", REPLY_FORMAT, `1234 8180 0001 0000 0000 0000 ${NAME} 0001 00`],
  ["the question is a pointer", REPLY_FORMAT, `1234 8180 0001 0000 0000 0000 c00c ${A_IN}`],
  ["one A", REPLY_OK, question("0001 0000 0000") + A_RECORD],
  ["bytes follow", REPLY_OK, `${question("0001 0000 0000") + A_RECORD} c00c`],
  ["ANCOUNT is too high", REPLY_FORMAT, question("0002 0000 0000") + A_RECORD],
  ["NSCOUNT is too high", REPLY_FORMAT, question("0001 0001 0000") + A_RECORD],
  ["ARCOUNT is too high", REPLY_FORMAT, question("0001 0000 0001") + A_RECORD],
  ["ANCOUNT is 65535", REPLY_FORMAT, question("ffff 0000 0000") + A_RECORD],
  [
    "RDLENGTH overruns",
    REPLY_FORMAT,
    `${question("0001 0000 0000")} c00c 0001 0001 00000000 0005 c0000201`,
  ],
  ["the fixed part is cut", REPLY_FORMAT, `${question("0001 0000 0000")} c00c 0001 0001 0000`],
  [
    "an owner points to itself",
    REPLY_FORMAT,
    question("0001 0000 0000") + record("c021", 1, "c0000201"),
  ],
  [
    "an owner points forwards",
    REPLY_FORMAT,
    question("0001 0000 0000") + record("c030", 1, "c0000201"),
  ],
  [
    "an owner points into the header",
    REPLY_FORMAT,
    question("0001 0000 0000") + record("c002", 1, "c0000201"),
  ],
  [
    "an owner loops by its own label",
    REPLY_FORMAT,
    question("0001 0000 0000") + record("0161c021", 1, "c0000201"),
  ],
  [
    "an owner has a reserved length byte",
    REPLY_FORMAT,
    question("0001 0000 0000") + record("4161", 1, "c0000201"),
  ],
  ["an A of 3 bytes", REPLY_FORMAT, one(1, "c00002")],
  ["an A of 5 bytes", REPLY_FORMAT, one(1, "c000020100")],
  ["an AAAA of 15 bytes", REPLY_FORMAT, one(28, "20010db8 0000 0000 0000 0000 000000")],
  ["a CNAME", REPLY_OK, one(5, "0161c010")],
  ["an empty CNAME", REPLY_FORMAT, one(5, "")],
  ["a CNAME with bytes behind the name", REPLY_FORMAT, one(5, "0161c010 00")],
  [
    "a CNAME that runs into the next record",
    REPLY_FORMAT,
    question("0002 0000 0000") + record("c00c", 5, "0361") + A_RECORD,
  ],
  ["a CNAME that points to itself", REPLY_FORMAT, one(5, "c02d")],
  ["a CNAME that points to its owner", REPLY_OK, one(5, "c00c")],
  ["an MX", REPLY_OK, one(15, "000a 046d61696c c010")],
  ["an MX without a name", REPLY_FORMAT, one(15, "000a")],
  ["an MX of one byte", REPLY_FORMAT, one(15, "00")],
  ["a SRV with a pointer", REPLY_OK, one(33, "0001 0002 0035 c00c")],
  ["a SOA", REPLY_OK, one(6, SOA_DATA)],
  ["a SOA that is cut", REPLY_FORMAT, one(6, SOA_DATA.slice(0, -2))],
  ["an RP with one name", REPLY_FORMAT, one(17, "c00c")],
  ["a NAPTR", REPLY_OK, one(35, "0001 0002 0155 00 022121 c00c")],
  ["a NAPTR whose text overruns", REPLY_FORMAT, one(35, "0001 0002 0155 00 222121 c00c")],
  ["a NAPTR that ends in a text", REPLY_FORMAT, one(35, "0001 0002 0155")],
  ["an RRSIG", REPLY_OK, one(46, "0001 05 02 0000012c 65000000 64000000 1234 c010 aabbcc")],
  [
    "an RRSIG without a signer",
    REPLY_FORMAT,
    one(46, "0001 05 02 0000012c 65000000 64000000 1234"),
  ],
  ["a type that nobody knows, full of pointers", REPLY_OK, one(666, "c0ffc0ff")],
  ["an unknown type without data", REPLY_OK, one(666, "")],
  ["a TXT of one byte", REPLY_OK, one(16, "ff")],
  [
    "an A of another class",
    REPLY_OK,
    `${question("0001 0000 0000")} c00c 0001 0003 00000000 0001 00`,
  ],
  ["OPT in Answer", REPLY_FORMAT, question("0001 0000 0000") + OPT],
  ["OPT in Authority", REPLY_FORMAT, question("0000 0001 0000") + OPT],
  ["two OPT", REPLY_FORMAT, question("0000 0000 0002") + OPT + OPT],
  [
    "the OPT's owner is a pointer to the root",
    REPLY_FORMAT,
    `${question("0000 0000 0001")} c01c${OPT.slice(2)}`,
  ],
  [
    "the OPT's options overrun",
    REPLY_OK,
    `${question("0000 0000 0001")} 00 0029 04d0 00000000 0004 000f 0009`,
  ],
  [
    "a truncated reply is cut in a record",
    REPLY_OK,
    `1234 8380 0001 0002 0000 0001 ${NAME} ${A_IN} c00c 0001`,
  ],
];

for (const [what, expected, hex] of TABLE) {
  test(`readReply() answers REPLY_${CODES[expected]} when: ${what}`, () => {
    assert.equal(read(hex)[0], expected);
  });
}

test("readReply() bounds the length of a name that pointers make", () => {
  // Three names, each of 63 bytes of label and a pointer to the one before: 4 + 64 * n bytes.
  const label = `3f${"61".repeat(63)}`;
  const first = record("c018", 16, "00");
  const names = (count: number) => {
    let hex = question(`${hex16(count + 1)} 0000 0000`) + first;
    let at = 12 + 17 + 4 + fromHex(first).length;
    let pointer = "c018";
    for (let index = 0; index < count; index++) {
      const next = record(label + pointer, 16, "00");
      hex += next;
      pointer = hex16(0xc000 | at);
      at += fromHex(next).length;
    }
    return hex;
  };
  assert.equal(read(names(3))[0], REPLY_OK);
  assert.equal(read(names(4))[0], REPLY_FORMAT);
});

test("readReply() follows at most 127 pointers", () => {
  const chain = (count: number) => {
    // TXT data hold a chain of pointers, each to the one before; the owner at the end points there.
    let data = "c00c";
    const start = 12 + 17 + 4 + 12;
    for (let index = 1; index < count; index++) data += hex16(0xc000 | (start + 2 * index - 2));
    const pointer = hex16(0xc000 | (start + 2 * count - 2));
    return question("0002 0000 0000") + record("c00c", 16, data) + record(pointer, 16, "00");
  };
  assert.equal(read(chain(126))[0], REPLY_OK);
  assert.equal(read(chain(127))[0], REPLY_FORMAT);
});

test("readReply() reads header, question, counts and OPT", () => {
  const reply = readOk(
    `abcd 85a3 0001 0001 0001 0002 ${NAME} ${A_IN} ${A_RECORD}
     ${record("c010", 2, "026e73c010", "0000003c")} 00 0029 1000 01008000 0000
     ${record("026e73c010", 1, "c0000235")}`,
  );
  assert.equal(reply.id, 0xabcd);
  assert.equal(reply.flags, 0x85a3);
  assert.equal(reply.rcode, 0x13);
  assert.equal(reply.authenticData, 1);
  assert.equal(reply.truncated, 0);
  assert.deepEqual([reply.questionOffset, reply.questionLength], [AT + 12, 21]);
  assert.deepEqual([reply.nameLength, reply.type, reply.class], [17, 1, 1]);
  assert.deepEqual(
    [reply.answerCount, reply.authorityCount, reply.additionalCount, reply.recordCount],
    [1, 1, 1, 3],
  );
  assert.deepEqual([reply.hasOpt, reply.isOptInside, reply.udpSizeBytes], [1, 1, 4096]);
  assert.equal(reply.ttlSecMin, 60);
  assert.equal(reply.hasNsInAuthority, 1);
  assert.equal(reply.edeCode, EDE_NONE);
});

test("readReply() forgets what it read before", () => {
  const reply = new Reply();
  const full = `1234 81b3 0001 0000 0002 0002 ${NAME} ${A_IN} ${record("c010", 6, SOA_DATA)}
    ${record("c00c", 46, "0001 05 02 0000012c 65000000 64000000 1234 c010 aa")}
    00 0029 1000 01008000 0006 000f 0002 0016 ${A_RECORD}`;
  assert.equal(read(full, reply)[0], REPLY_OK);
  const short = "0001 8000 0000 0000 0000 0000";
  assert.equal(read(short, reply)[0], REPLY_OK);
  const fresh = readOk(short);
  for (const key of Object.keys(reply) as (keyof Reply)[]) {
    if (typeof reply[key] === "number") assert.equal(reply[key], fresh[key], key);
  }
});

test("readReply() ends a reply before a last OPT and before bytes that follow", () => {
  const plain = question("0001 0000 0000") + A_RECORD;
  const length = fromHex(plain).length;
  assert.equal(readOk(plain).length, length);
  assert.equal(readOk(`${plain} ffff`).length, length);
  const withOpt = readOk(question("0001 0000 0001") + A_RECORD + OPT);
  assert.deepEqual([withOpt.length, withOpt.isOptInside], [length, 0]);
});

test("readReply() finds the answer at the end of a CNAME chain in any order", () => {
  const a = record("026332c010", 1, "c0000201");
  const link1 = record("c00c", 5, "026331c010");
  const link2 = record("024331c010", 5, "026332c010");
  for (const records of [link1 + link2 + a, a + link2 + link1, link2 + a + link1]) {
    const reply = readOk(question("0003 0000 0000") + records);
    assert.equal(reply.hasAnswerOfType, 1);
    assert.equal(isNegative(reply), false);
  }
  const elsewhere = readOk(question("0002 0000 0000") + link1 + a);
  assert.equal(elsewhere.hasAnswerOfType, 0);
});

test("readReply() takes the asked type itself, and any for ANY", () => {
  const cname = record("c00c", 5, "026331c010");
  assert.equal(readOk(question("0001 0000 0000", "0005 0001") + cname).hasAnswerOfType, 1);
  assert.equal(readOk(question("0001 0000 0000", "00ff 0001") + cname).hasAnswerOfType, 1);
  assert.equal(readOk(question("0001 0000 0000") + cname).hasAnswerOfType, 0);
  assert.equal(readOk(question("0001 0000 0000", "001c 0001") + A_RECORD).hasAnswerOfType, 0);
});

test("readReply() ends when CNAMEs go in circles", () => {
  const circle = record("c00c", 5, "026331c010") + record("026331c010", 5, "c00c");
  assert.equal(readOk(question("0002 0000 0000") + circle).hasAnswerOfType, 0);
  assert.equal(readOk(question("0001 0000 0000") + record("c00c", 5, "c00c")).hasAnswerOfType, 0);
});

test("readReply() counts a negative answer's SOA with its MINIMUM", () => {
  const soa = record("c010", 6, SOA_DATA, "00000bb8");
  const reply = readOk(question("0000 0001 0000").replace("8180", "8183") + soa);
  assert.deepEqual([reply.hasSoa, reply.soaTtlSec, reply.soaMinimumSec], [1, 3000, 20]);
  assert.deepEqual([reply.ttlSecMin, isNegative(reply)], [20, true]);
  // In a positive answer the SOA is a record like others.
  const positive = readOk(question("0001 0001 0000") + A_RECORD + soa);
  assert.deepEqual([positive.ttlSecMin, isNegative(positive)], [300, false]);
});

test("readReply() asks for the SOA of a zone that holds the end of the chain", () => {
  // www.example.org is an alias of x.example.com, which does not exist.
  const alias = record("c00c", 5, "0178 076578616d706c65 03636f6d 00");
  const com = record("c02f", 6, SOA_DATA);
  const org = record("c010", 6, SOA_DATA);
  const root = record("00", 6, SOA_DATA);
  const foreign = record("076578616d706c65 036e6574 00", 6, SOA_DATA);
  const read1 = (soa: string) => readOk(question("0001 0001 0000") + alias + soa);
  assert.equal(read1(com).hasSoa, 1);
  assert.equal(read1(root).hasSoa, 1);
  for (const soa of [org, foreign]) {
    assert.deepEqual([read1(soa).hasSoa, read1(soa).soaRecord], [0, -1]);
  }
  const hex = question("0001 0001 0000") + alias + com;
  const reply = readOk(hex);
  const message = fromHex(hex);
  assert.equal(wireToName(message, reply.chainEndOffset - AT), "x.example.com.");
});

test("readReply() caps a TTL with its top bit set instead of reading it as small", () => {
  const huge = record("c00c", 1, "c0000201", "ffffffff");
  assert.equal(readOk(question("0001 0000 0000") + huge).ttlSecMin, 0x7fffffff);
  assert.equal(readOk(question("0000 0000 0000")).ttlSecMin, 0x7fffffff);
});

test("readReply() finds the earliest expiry of signatures across the end of 32 bits", () => {
  const sig = (expiry: string) =>
    record("c00c", 46, `0001 05 02 0000012c ${expiry} 64000000 1234 c010 aa`);
  const expiries = (list: string[]) =>
    readOk(question(`${hex16(list.length)} 0000 0000`) + list.map(sig).join("")).rrsigExpirySec;
  assert.equal(expiries(["65000002", "65000001", "65000003"]), 0x65000001);
  assert.equal(expiries(["00000005", "fffffff0", "00000001"]), 0xfffffff0);
});

test("readReply() finds the first extended error and its text", () => {
  const text = "6e6f";
  const opt = `00 0029 04d0 00000000 0014 000a 0002 abcd 000f 0004 0016 ${text} 000f 0002 0017`;
  const reply = readOk(question("0000 0000 0001") + opt);
  assert.equal(reply.edeCode, 22);
  assert.equal(reply.edeTextLength, 2);
  const start = fromHex(question("0000 0000 0001")).length;
  assert.equal(reply.edeTextOffset, AT + start + 11 + 6 + 6);
});

test("readReply() keeps id and question of a malformed reply", () => {
  const [code, reply] = read(question("0005 0000 0000") + A_RECORD);
  assert.equal(code, REPLY_FORMAT);
  assert.deepEqual([reply.id, reply.questionLength], [0x1234, 21]);
});

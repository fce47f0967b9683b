import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as dnsPacket from "dns-packet";
import { fromHex, makeMemory, toHex } from "../../tests/support/memory.ts";
import { Prng } from "../std/prng.ts";
import { answerRoomBytes, writeAnswer, writeError, writeQuery } from "./answer.ts";
import { Query, readQuery } from "./query.ts";

const QUERY_AT = 64;
const TARGET = 2048;
const MESSAGE_AT = 32;
const POISON = 0xee;

interface Asked {
  readonly query?: string;
  readonly limitBytes?: number;
  readonly ageSec?: number;
  /** How far the query is from a 4-aligned place. */
  readonly shift?: number;
}

const NAME = "03577777 076578616d706c45 036f7267 00"; // Www.examplE.org
const FOLDED = "03777777 076578616d706c65 036f7267 00";
const PLAIN = `abcd 0100 0001 0000 0000 0000 ${NAME} 0001 0001`;
const WITH_OPT = `abcd 0110 0001 0000 0000 0001 ${NAME} 0001 0001 00 0029 1000 00008000 0000`;
/** Two A records, one MX of another owner in Authority, one A in Additional. */
const STORED = `0000 8183 0001 0002 0001 0001 ${FOLDED} 0001 0001
  c00c 0001 0001 0000012c 0004 c0000201
  c00c 0001 0001 0000000a 0004 c0000202
  c010 000f 0001 00000e10 0009 000a 046d61696c c010
  c010 0001 0001 00000005 0004 c0000203`;

/** Answers `asked.query` from `stored` and returns what was written. */
function answer(stored: string, ttls: readonly number[], asked: Asked = {}): Uint8Array {
  const cache = makeMemory(4096, POISON);
  const message = fromHex(stored);
  cache.bytes.set(message, MESSAGE_AT);
  const ttlsAt = (MESSAGE_AT + message.length + 3) & ~3;
  ttls.forEach((ttl, index) => {
    cache.view.setUint16(ttlsAt + 2 * index, ttl, true);
  });
  const before = Buffer.from(cache.bytes);

  const io = makeMemory(8192, POISON);
  const query = new Query();
  const sent = fromHex(asked.query ?? PLAIN);
  const at = QUERY_AT + (asked.shift ?? 0);
  io.bytes.set(sent, at);
  readQuery(io.bytes, io.view, at, sent.length, 1, query);
  const limitBytes = asked.limitBytes ?? 1232;
  const length = writeAnswer(
    cache.words,
    cache.view,
    MESSAGE_AT,
    message.length,
    ttlsAt,
    ttls.length,
    asked.ageSec ?? 0,
    io.words,
    io.view,
    TARGET,
    limitBytes,
    query,
  );
  assert.ok(length <= limitBytes, "longer than the limit");
  const room = answerRoomBytes(message.length, limitBytes, query);
  assert.ok(length <= room, "longer than answerRoomBytes() said");
  assert.deepEqual(Buffer.from(cache.bytes), before, "the stored message was written to");
  const changed = io.bytes.findLastIndex((byte) => byte !== POISON);
  assert.ok(changed < TARGET + room, "written behind the room");
  assert.ok(io.bytes.subarray(at + sent.length, TARGET).every((byte) => byte === POISON));
  return io.bytes.slice(TARGET, TARGET + length);
}

const TTLS = [39, 55, 71, 92];

test("writeAnswer() puts id, flags, the client's question and aged TTLs in place", () => {
  const written = answer(STORED, TTLS, { ageSec: 10 });
  assert.equal(
    toHex(written),
    toHex(
      fromHex(`abcd 8183 0001 0002 0001 0001 ${NAME} 0001 0001
        c00c 0001 0001 00000122 0004 c0000201
        c00c 0001 0001 00000000 0004 c0000202
        c010 000f 0001 00000e06 0009 000a 046d61696c c010
        c010 0001 0001 00000000 0004 c0000203`),
    ),
  );
});

test("writeAnswer() gives the same bytes wherever the query stands", () => {
  const expected = answer(STORED, TTLS, { query: WITH_OPT });
  for (let shift = 1; shift < 4; shift++) {
    assert.deepEqual(answer(STORED, TTLS, { query: WITH_OPT, shift }), expected);
  }
});

test("writeAnswer() takes the client's question for names of any length", () => {
  for (let length = 1; length <= 63; length++) {
    const name = (byte: string) =>
      length.toString(16).padStart(2, "0") + byte.repeat(length) + "00";
    const record = "c00c 0001 0001 0000012c 0004 c0000201";
    const stored = `0000 8180 0001 0001 0000 0000 ${name("61")} 0001 0001 ${record}`;
    const query = `abcd 0100 0001 0000 0000 0000 ${name("41")} 0001 0001`;
    const written = answer(stored, [12 + length + 2 + 4 + 6], { query });
    const expected = `abcd 8180 0001 0001 0000 0000 ${name("41")} 0001 0001 ${record}`;
    assert.equal(toHex(written), toHex(fromHex(expected)));
  }
});

test("writeAnswer() adds an OPT with our size and the client's DO if the client sent one", () => {
  const written = answer(STORED, TTLS, { query: WITH_OPT });
  assert.equal(toHex(written.subarray(-11)), "00002904d0000080000000");
  const decoded = dnsPacket.decode(Buffer.from(written));
  assert.equal(decoded.additionals?.length, 2);
  assert.equal(decoded.flag_cd, true);
  const noDo = WITH_OPT.replace("00008000", "00000000");
  assert.equal(
    toHex(answer(STORED, TTLS, { query: noDo }).subarray(-11)),
    "00002904d0000000000000",
  );
  assert.equal(dnsPacket.decode(Buffer.from(answer(STORED, TTLS))).additionals?.length, 1);
});

test("writeAnswer() sets AD only if it is stored and the client sent DO or AD", () => {
  const adStored = STORED.replace("8183", "81a3");
  const adAsked = PLAIN.replace("0100", "0120");
  const AD = 0x20;
  const cases: readonly (readonly [string, string, number])[] = [
    [adStored, PLAIN, 0],
    [adStored, adAsked, AD],
    [adStored, WITH_OPT, AD],
    [STORED, adAsked, 0],
    [STORED, WITH_OPT, 0],
  ];
  for (const [stored, query, expected] of cases) {
    assert.equal(answer(stored, TTLS, { query })[3] & AD, expected, `${stored} asked by ${query}`);
  }
});

test("writeAnswer() never copies Z and RA from the store, nor AA, Z, TC and AD from the query", () => {
  const stored = STORED.replace("8183", "fbd3");
  const query = PLAIN.replace("0100", "06c0");
  assert.equal(toHex(answer(stored, TTLS, { query }).subarray(2, 4)), "8283");
});

test("writeAnswer() copies AA, which only answers of our own have in the store", () => {
  const stored = STORED.replace("8183", "8583");
  assert.equal(toHex(answer(stored, TTLS, { query: PLAIN }).subarray(2, 4)), "8583");
});

/** `count` TXT answers of 112 bytes each and `additional` A records of 16 bytes each. */
function bigMessage(count: number, additional: number): [string, number[]] {
  const counts = [1, count, 0, additional].map((n) => n.toString(16).padStart(4, "0")).join("");
  const ttls: number[] = [];
  let stored = `0000 8180 ${counts} ${FOLDED} 0010 0001`.replace(/\s/g, "");
  for (let index = 0; index < count + additional; index++) {
    ttls.push(stored.length / 2 + 6);
    const isText = index < count;
    stored += isText
      ? `c00c001000010000003c0064 63${"61".repeat(99)}`
      : "c00c000100010000003c0004c0000201";
    stored = stored.replace(/\s/g, "");
  }
  return [stored, ttls];
}

test("writeAnswer() drops the additional section without TC when only that does not fit", () => {
  const [stored, ttls] = bigMessage(4, 3);
  for (const [query, opt] of [
    [PLAIN.replace("0001 0001", "0010 0001"), 0],
    [WITH_OPT.replace("0001 0001", "0010 0001"), 1],
  ] as const) {
    const decoded = dnsPacket.decode(
      Buffer.from(answer(stored, ttls, { query, limitBytes: 512, ageSec: 20 })),
    );
    assert.equal(decoded.flag_tc, false);
    assert.equal(decoded.answers?.length, 4);
    assert.ok(decoded.answers?.every((record) => "ttl" in record && record.ttl === 40));
    assert.equal(decoded.additionals?.length, opt);
  }
});

test("writeAnswer() writes question and OPT with TC when the answer does not fit", () => {
  const [stored, ttls] = bigMessage(5, 3);
  const written = answer(stored, ttls, { query: WITH_OPT, limitBytes: 512 });
  assert.equal(
    toHex(written),
    toHex(fromHex(`abcd 8390 0001 0000 0000 0001 ${NAME} 0001 0001 00 0029 04d0 0000 8000 0000`)),
  );
  const plain = answer(stored, ttls, { query: PLAIN, limitBytes: 512 });
  assert.equal(toHex(plain), toHex(fromHex(`abcd 8380 0001 0000 0000 0000 ${NAME} 0001 0001`)));
});

test("writeAnswer() says TC rather than drop the additional section of a message without answers", () => {
  const [stored, ttls] = bigMessage(0, 40);
  const decoded = dnsPacket.decode(Buffer.from(answer(stored, ttls, { limitBytes: 512 })));
  assert.equal(decoded.flag_tc, true);
});

test("writeAnswer() fills the limit to the last byte, with and without OPT", () => {
  const [stored, ttls] = bigMessage(5, 0);
  const length = stored.length / 2;
  for (const [query, bytes] of [
    [PLAIN, length],
    [WITH_OPT, length + 11],
  ] as const) {
    const fits = answer(stored, ttls, { query, limitBytes: bytes });
    assert.equal(fits.length, bytes);
    assert.equal(dnsPacket.decode(Buffer.from(fits)).answers?.length, 5);
    const truncated = answer(stored, ttls, { query, limitBytes: bytes - 1 });
    assert.equal(dnsPacket.decode(Buffer.from(truncated)).flag_tc, true);
  }
});

test("writeAnswer() stays in its room whatever is stored, as while it is written over", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const prng = new Prng(seed);
  const cache = makeMemory(4096);
  const io = makeMemory(16_384, POISON);
  const query = new Query();
  const sent = fromHex(WITH_OPT);
  io.bytes.set(sent, QUERY_AT);
  readQuery(io.bytes, io.view, QUERY_AT, sent.length, 1, query);
  const before = io.bytes.slice();
  for (let round = 0; round < 5000; round++) {
    for (let word = 0; word < 256; word++) cache.words[prng.below(1024)] = prng.uint32();
    cache.view.setUint16(MESSAGE_AT + 10, prng.below(4));
    const messageLength = prng.chance(0.5) ? prng.below(600) : prng.below(65_536);
    const ttlCount = prng.chance(0.5) ? prng.below(8) : prng.below(65_536);
    const limitBytes = 512 + prng.below(1024);
    const ttlsAt = (MESSAGE_AT + messageLength + 3) & ~3;
    const age = prng.uint32() - 2 ** 31;
    const target = 4096 + 4 * prng.below(64);
    const { words, view } = cache;
    const from = [words, view, MESSAGE_AT, messageLength, ttlsAt, ttlCount, age] as const;
    const length = writeAnswer(...from, io.words, io.view, target, limitBytes, query);
    const room = answerRoomBytes(messageLength, limitBytes, query);
    assert.ok(length <= room, `seed ${seed}, round ${round}`);
    io.bytes.copyWithin(target, 8192, 8192 + room);
    assert.deepEqual(io.bytes, before, `seed ${seed}, round ${round}`);
  }
});

test("writeAnswer() stops at a message that is not 4-aligned", () => {
  const io = makeMemory(1024);
  const write = (from: number, to: number) =>
    writeAnswer(io.words, io.view, from, 12, 0, 0, 0, io.words, io.view, to, 512, new Query());
  assert.throws(() => write(2, 512), /4-aligned/);
  assert.throws(() => write(0, 513), /4-aligned/);
});

/** The error that answers `hex`. */
function errorFor(hex: string, rcode: number): string {
  const io = makeMemory(1024, POISON);
  const sent = fromHex(hex);
  const query = new Query();
  io.bytes.set(sent, 33);
  readQuery(io.bytes, io.view, 33, sent.length, 1, query);
  const length = writeError(io.words, io.view, 512, 512, query, rcode);
  assert.ok(length <= sent.length, "an error is longer than its query");
  return toHex(io.bytes.subarray(512, 512 + length));
}

test("writeError() echoes id, RD, CD, the question if there was one, and OPT if there was one", () => {
  const cases: readonly (readonly [string, number, string])[] = [
    [PLAIN, 2, `abcd 8182 0001 0000 0000 0000 ${NAME} 0001 0001`],
    [WITH_OPT, 5, `abcd 8195 0001 0000 0000 0001 ${NAME} 0001 0001 00 0029 04d0 00008000 0000`],
    ["abcd 0100 0000 0000 0000 0000", 1, "abcd 8181 0000 0000 0000 0000"],
    ["abcd 0100 0002 0000 0000 0000", 1, "abcd 8181 0000 0000 0000 0000"],
    ["abcd 7df0 0000 0000 0000 0000", 4, "abcd f994 0000 0000 0000 0000"],
    ["abcd 7df0 0000 0000 0000 0000", 1, "abcd 8191 0000 0000 0000 0000"],
  ];
  for (const [query, rcode, expected] of cases) {
    assert.equal(errorFor(query, rcode), toHex(fromHex(expected)));
  }
});

test("writeError() says BADVERS in the OPT, and SERVFAIL when there is none", () => {
  assert.equal(
    errorFor(WITH_OPT, 16),
    toHex(fromHex(`abcd 8190 0001 0000 0000 0001 ${NAME} 0001 0001 00 0029 04d0 01008000 0000`)),
  );
  assert.equal(errorFor(PLAIN, 16), errorFor(PLAIN, 2));
});

test("writeQuery() writes what dns-packet reads, with the client's spelling", () => {
  for (const withOpt of [0, 1]) {
    const io = makeMemory(1024, POISON);
    io.bytes.set(fromHex(`${NAME} 001c 0001`), 101);
    const length = writeQuery(io.words, io.view, 512, 0xbeef, 101, 21, 0x0130, 1, 1232, withOpt);
    assert.equal(length, withOpt === 1 ? 44 : 33);
    const decoded = dnsPacket.decode(Buffer.from(io.bytes.slice(512, 512 + length)));
    assert.equal(decoded.id, 0xbeef);
    assert.equal(decoded.type, "query");
    assert.deepEqual(
      [decoded.flag_rd, decoded.flag_ad, decoded.flag_cd, decoded.flag_tc, decoded.flag_aa],
      [true, true, true, false, false],
    );
    assert.deepEqual(decoded.questions, [{ name: "Www.examplE.org", type: "AAAA", class: "IN" }]);
    assert.equal(decoded.additionals?.length, withOpt);
    const opt = decoded.additionals?.[0] as dnsPacket.OptAnswer | undefined;
    if (withOpt === 1) assert.deepEqual([opt?.udpPayloadSize, opt?.flag_do], [1232, true]);
  }
});

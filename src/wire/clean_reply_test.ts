import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as dnsPacket from "dns-packet";
import fc from "fast-check";
import { fromHex, makeMemory, toHex } from "../../tests/support/memory.ts";
import { clampTtls, writeCleanReply } from "./clean_reply.ts";
import { REPLY_OK, Reply, readReply } from "./reply.ts";

const FROM = 5;
const TARGET = 256;
const POISON = 0xee;

interface Clean {
  readonly length: number;
  readonly message: Uint8Array;
  readonly ttlOffsets: readonly number[];
  readonly reply: Reply;
}

/** Cleans a well-formed reply. */
function clean(message: Uint8Array, roomBytes = 65_536, ttlsMax = 6000): Clean {
  const from = makeMemory((FROM + message.length + 8) & ~3, 0xc0);
  from.bytes.set(message, FROM);
  const to = makeMemory(TARGET + 70_000, POISON);
  const reply = new Reply();
  assert.equal(readReply(from.bytes, from.view, FROM, message.length, reply), REPLY_OK);
  const ttls = new Uint16Array(ttlsMax);
  const length = writeCleanReply(
    from.bytes,
    from.view,
    reply,
    to.bytes,
    to.words,
    to.view,
    TARGET,
    roomBytes,
    ttls,
  );
  assert.ok(length <= roomBytes);
  assert.ok(to.bytes.subarray(0, TARGET).every((byte) => byte === POISON));
  assert.ok(to.bytes.subarray(TARGET + roomBytes).every((byte) => byte === POISON));
  const written = to.bytes.slice(TARGET, TARGET + length);
  return { length, message: written, ttlOffsets: [...ttls.subarray(0, reply.ttlCount)], reply };
}

function cleanHex(hex: string): string {
  return toHex(clean(fromHex(hex)).message);
}

function decode(message: Uint8Array): dnsPacket.DecodedPacket {
  return dnsPacket.decode(Buffer.from(message));
}

// Offsets in the message: www at 12, example at 16, org at 24, the root at 28.
const NAME = "03577777 076578416d706c65 036f5267 00"; // Www.exAmple.oRg
const FOLDED = "03777777 076578616d706c65 036f7267 00";
const A_IN = "0001 0001";
const A_RECORD = "c00c 0001 0001 0000012c 0004 c0000201";
const OPT = "00 0029 04d0 00000000 0000";

test("writeCleanReply() folds the question, clears the id and keeps flags and records", () => {
  const rest = "c00c 0001 0001 0000012c 0004 c0000201 0161c010 0002 0001 00000005 0004 0162c010";
  assert.equal(
    cleanHex(`abcd 85b3 0001 0001 0001 0000 ${NAME} ${A_IN} ${rest}`),
    toHex(fromHex(`0000 85b3 0001 0001 0001 0000 ${FOLDED} ${A_IN} ${rest}`)),
  );
});

test("writeCleanReply() folds the name and not the type of the question", () => {
  // Type 65 (HTTPS) is the byte of a capital A.
  assert.equal(
    cleanHex(`abcd 8180 0001 0000 0000 0000 ${NAME} 0041 0001`),
    toHex(fromHex(`0000 8180 0001 0000 0000 0000 ${FOLDED} 0041 0001`)),
  );
});

test("writeCleanReply() cuts a last OPT and bytes that follow", () => {
  const expected = cleanHex(`abcd 8180 0001 0001 0000 0000 ${NAME} ${A_IN} ${A_RECORD}`);
  const opt = "00 0029 1000 00008000 0008 000f 0004 0016 6e6f";
  for (const tail of [OPT, opt, `${opt} ffff`]) {
    const hex = `abcd 8180 0001 0001 0000 0001 ${NAME} ${A_IN} ${A_RECORD} ${tail}`;
    assert.equal(cleanHex(hex), expected);
  }
});

test("writeCleanReply() takes an OPT out of the middle and mends the pointers behind it", () => {
  const cleaned = clean(
    fromHex(`abcd 8180 0001 0001 0000 0003 ${NAME} ${A_IN} ${A_RECORD} ${OPT}
      026d78c010 0001 0001 00000001 0004 c0000202 c03c 0001 0001 00000001 0004 c0000203`),
  );
  assert.equal(cleaned.message.length, 12 + 21 + 16 + 19 + 16);
  const decoded = decode(cleaned.message);
  assert.deepEqual(
    decoded.additionals?.map((record) => [
      record.name,
      record.type,
      "data" in record && record.data,
    ]),
    [
      ["mx.example.org", "A", "192.0.2.2"],
      ["mx.example.org", "A", "192.0.2.3"],
    ],
  );
});

test("writeCleanReply() makes owners that equal the question pointers to it, in any spelling", () => {
  const records = "0001 0001 0000012c 0004 c0000201";
  const expected = cleanHex(
    `0000 8180 0001 0002 0000 0000 ${NAME} ${A_IN} c00c${records} c00c${records}`,
  );
  const upper = "03575757 074558414d504c45 034f5247 00";
  const copies = [NAME, upper, "03777777 c010", "03777777 076578616d706c65 c018"];
  for (const copy of copies) {
    const hex = `abcd 8180 0001 0002 0000 0000 ${NAME} ${A_IN} ${copy}${records} c021${records}`;
    assert.equal(cleanHex(hex), expected, copy);
  }
});

test("writeCleanReply() compresses names only in the data of types that allow it", () => {
  // The full owner forces all records to be written anew; c040 is example.org in the CNAME's data.
  assert.equal(
    cleanHex(
      `abcd 8180 0001 0002 0000 0000 ${NAME} ${A_IN}
       ${NAME} 0005 0001 00000001 0011 0378797a 076578616d706c65 036f7267 00
       c00c 0021 0001 00000001 0008 0001 0002 0035 c040`,
    ),
    toHex(
      fromHex(`0000 8180 0001 0002 0000 0000 ${FOLDED} ${A_IN}
        c00c 0005 0001 00000001 0006 0378797a c010
        c00c 0021 0001 00000001 0013 0001 0002 0035 076578616d706c65 036f7267 00`),
    ),
  );
});

test("writeCleanReply() keeps texts and trailing bytes around the names in data", () => {
  const naptr = "0001 0002 0155 00 022121";
  const soaTail = "00000001 00000002 00000003 00000004 00000005";
  assert.equal(
    cleanHex(
      `abcd 8180 0001 0002 0000 0000 ${NAME} ${A_IN}
       ${NAME} 0023 0001 00000001 000c ${naptr} c00c
       c00c 0006 0001 00000001 0018 c010 c00c ${soaTail}`,
    ),
    toHex(
      fromHex(`0000 8180 0001 0002 0000 0000 ${FOLDED} ${A_IN}
        c00c 0023 0001 00000001 001b ${naptr} ${NAME}
        c00c 0006 0001 00000001 0018 c010 c00c ${soaTail}`),
    ),
  );
});

test("writeCleanReply() does not point to names beyond what a pointer can reach", () => {
  const big = `c00c 0010 0001 00000001 4000 ${`ff${"61".repeat(255)}`.repeat(64)}`;
  const far = `03666172 076578616d706c65 036e6574 00 0001 0001 00000001 0004 c0000201`;
  const hex = `abcd 8180 0001 0003 0000 0000 ${NAME} ${A_IN} ${big} ${far} ${far} ${OPT}`;
  const opt = hex.replace("0003 0000 0000", "0003 0000 0002") + far;
  const decoded = decode(clean(fromHex(opt)).message);
  assert.deepEqual(
    decoded.answers?.map((answer) => answer.name),
    ["www.example.org", "far.example.net", "far.example.net"],
  );
  assert.equal(decoded.additionals?.[0].name, "far.example.net");
});

test("writeCleanReply() leaves the data of unknown types alone", () => {
  const unknown = "029a 0001 00000001 0006 c00c c0ff c03d";
  const hex = `abcd 8180 0001 0002 0000 0000 ${NAME} ${A_IN} ${NAME}${unknown} c00c${unknown}`;
  assert.equal(
    cleanHex(hex),
    toHex(fromHex(`0000 8180 0001 0002 0000 0000 ${FOLDED} ${A_IN} c00c${unknown} c00c${unknown}`)),
  );
});

test("writeCleanReply() lists the TTL of every record, in order, on both ways", () => {
  for (const owner of ["c00c", NAME]) {
    const { message, ttlOffsets, reply } = clean(
      fromHex(`abcd 8180 0001 0001 0001 0002 ${NAME} ${A_IN}
        ${owner} 0001 0001 00000101 0004 c0000201
        c010 0002 0001 00000102 0005 026e73c010
        ${OPT} 026e73c010 0001 0001 00000103 0004 c0000202`),
    );
    const view = new DataView(message.buffer);
    assert.deepEqual(
      ttlOffsets.map((at) => view.getUint32(at)),
      [0x101, 0x102, 0x103],
    );
    assert.equal(reply.ttlCount, 3);
  }
});

test("writeCleanReply() gives all records of a set the least TTL, and only these", () => {
  const a = (owner: string, ttl: string) => `${owner} 0001 0001 ${ttl} 0004 c0000201`;
  const signature = "002e 0001 00000007 0015 0001 05 02 00000000 00000000 00000000 0000 00 6162";
  const { message, ttlOffsets } = clean(
    fromHex(`abcd 8180 0001 0006 0001 0000 ${NAME} ${A_IN}
      ${a("c00c", "00000030")} ${a("c00c", "00000020")} ${a("c00c", "00000040")}
      ${a("c010", "00000050")} c010 ${signature} c010 ${signature.replace("07", "06")}
      ${a("c010", "00000010")}`),
  );
  const view = new DataView(message.buffer);
  const ttls = ttlOffsets.map((at) => view.getUint32(at));
  assert.deepEqual(ttls, [0x20, 0x20, 0x20, 0x50, 7, 6, 0x10]);
});

test("writeCleanReply() caps a TTL with its top bit set", () => {
  const { message, ttlOffsets } = clean(
    fromHex(`abcd 8180 0001 0001 0000 0000 ${NAME} ${A_IN} c00c 0001 0001 ffffffff 0004 c0000201`),
  );
  assert.equal(new DataView(message.buffer).getUint32(ttlOffsets[0]), 0x7fffffff);
});

test("writeCleanReply() gives the SOA of a negative answer at most its MINIMUM as TTL", () => {
  const soa = "c010 0006 0001 00000bb8 0018 c010 c010 00000001 00000002 00000003 00000004 00000014";
  const ttlOf = (hex: string, record: number) => {
    const { message, ttlOffsets } = clean(fromHex(hex));
    return new DataView(message.buffer).getUint32(ttlOffsets[record]);
  };
  assert.equal(ttlOf(`abcd 8183 0001 0000 0001 0000 ${NAME} ${A_IN} ${soa}`, 0), 20);
  assert.equal(ttlOf(`abcd 8180 0001 0000 0001 0000 ${NAME} ${A_IN} ${soa}`, 0), 20);
  assert.equal(ttlOf(`abcd 8180 0001 0001 0001 0000 ${NAME} ${A_IN} ${A_RECORD} ${soa}`, 1), 3000);
});

test("writeCleanReply() says SERVFAIL for an rcode that only an OPT can say", () => {
  const badVersion = `abcd 8180 0001 0000 0000 0001 ${NAME} ${A_IN} 00 0029 04d0 01000000 0000`;
  assert.equal(clean(fromHex(badVersion)).message[3], 0x82);
});

test("writeCleanReply() returns 0 for what cannot be kept", () => {
  const records = A_RECORD.repeat(3);
  const plain = fromHex(`abcd 8180 0001 0003 0000 0000 ${NAME} ${A_IN} ${records}`);
  const full = fromHex(`abcd 8180 0001 0003 0000 0000 ${NAME} ${A_IN} ${NAME}${records.slice(5)}`);
  const length = clean(plain).length;
  assert.equal(clean(full).length, length);
  for (const message of [plain, full]) {
    assert.equal(clean(message, length).length, length);
    for (let room = 0; room < length; room++) assert.equal(clean(message, room).length, 0);
    assert.equal(clean(message, 65_536, 3).length, length);
    assert.equal(clean(message, 65_536, 2).length, 0);
  }
  assert.equal(clean(fromHex("abcd 8181 0000 0000 0000 0000")).length, 0);
});

test("clampTtls() raises and lowers each TTL", () => {
  const memory = makeMemory(64);
  const offsets = Uint16Array.from([2, 10, 20]);
  [1, 300, 90_000].forEach((ttl, index) => {
    memory.view.setInt32(8 + offsets[index], ttl);
  });
  clampTtls(memory.view, 8, offsets, 3, 5, 3600);
  assert.deepEqual(
    [...offsets].map((at) => memory.view.getInt32(8 + at)),
    [5, 300, 3600],
  );
});

const label = fc.constantFrom("a", "b", "www", "Example", "x--1", "cluster");
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
const ttl = fc.integer({ min: 0, max: 100_000 });
const record: fc.Arbitrary<dnsPacket.Answer> = fc.oneof(
  fc.record({ type: fc.constant("A" as const), name, ttl, data: fc.ipV4() }),
  fc.record({ type: fc.constantFrom("CNAME", "NS", "PTR", "DNAME"), name, ttl, data: name }),
  fc.record({
    type: fc.constant("MX" as const),
    name,
    ttl,
    data: fc.record({ preference: fc.nat(0xffff), exchange: name }),
  }),
  fc.record({
    type: fc.constant("SRV" as const),
    name,
    ttl,
    data: fc.record({
      priority: fc.nat(0xffff),
      weight: fc.nat(0xffff),
      port: fc.nat(0xffff),
      target: name,
    }),
  }),
  fc.record({
    type: fc.constant("SOA" as const),
    name,
    ttl,
    data: fc.record({
      mname: name,
      rname: name,
      serial: fc.nat(),
      refresh: fc.nat(),
      retry: fc.nat(),
      expire: fc.nat(),
      minimum: fc.nat(),
    }),
  }),
  fc.record({ type: fc.constant("TXT" as const), name, ttl, data: fc.constant("hello") }),
) as fc.Arbitrary<dnsPacket.Answer>;

/** Records as text without TTL, in lower case: what must survive. */
function essence(records: readonly dnsPacket.Answer[] | undefined): string[] {
  return (records ?? [])
    .filter((entry) => entry.type !== "OPT")
    .map((entry) => JSON.stringify({ ...entry, ttl: 0 }).toLowerCase());
}

test("writeCleanReply() keeps what dns-packet encodes, and cleaning again changes nothing", () => {
  const section = fc.array(record, { maxLength: 6 });
  const opt = { type: "OPT", name: ".", udpPayloadSize: 4096 } as dnsPacket.OptAnswer;
  fc.assert(
    fc.property(
      name,
      section,
      section,
      section,
      fc.nat(6),
      (asked, answers, authorities, more, at) => {
        const additionals = [...more.slice(0, at), opt, ...more.slice(at)];
        const encoded = dnsPacket.encode({
          type: "response",
          id: 9,
          flags: dnsPacket.RECURSION_DESIRED,
          questions: [{ type: "A", name: asked }],
          answers,
          authorities,
          additionals,
        });
        const once = clean(encoded);
        const before = decode(encoded);
        const after = decode(once.message);
        assert.ok(once.length <= encoded.length);
        assert.equal(after.questions?.[0].name, asked.toLowerCase());
        assert.deepEqual(essence(after.answers), essence(before.answers));
        assert.deepEqual(essence(after.authorities), essence(before.authorities));
        assert.deepEqual(essence(after.additionals), essence(before.additionals));
        assert.equal(after.additionals?.length, more.length);
        const view = new DataView(once.message.buffer);
        const ttls = once.ttlOffsets.map((offset) => view.getUint32(offset));
        assert.equal(Math.min(...ttls, 0x7fffffff), once.reply.ttlSecMin);
        const twice = clean(once.message);
        assert.deepEqual(twice.message, once.message);
        assert.deepEqual(twice.ttlOffsets, once.ttlOffsets);
      },
    ),
  );
});

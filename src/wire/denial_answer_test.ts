import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as dnsPacket from "dns-packet";
import { fromHex, makeMemory } from "../../tests/support/memory.ts";
import { RCODE_NOERROR, RCODE_NXDOMAIN } from "./constants.ts";
import { writeDenial } from "./denial_answer.ts";
import { Query, readQuery } from "./query.ts";

const QUERY_AT = 65;
const TARGET = 2048;
const POISON = 0xee;
const NAME = "0377777707 4578616d706c65 036f726700";
const PLAIN = `abcd 0100 0001 0000 0000 0000 ${NAME} 001c 0001`;
const WITH_OPT = `abcd 0100 0001 0000 0000 0001 ${NAME} 001c 0001 00 0029 1000 00008000 0000`;
/** Root names, all numbers 1, TTL 60. */
const SOA = `0006 0001 0000003c 0016 0000 ${"00000001".repeat(5)}`;

function denial(sent: string, rcode: number, zoneLength: number, soa = SOA) {
  const io = makeMemory(8192, POISON);
  const query = new Query();
  const bytes = fromHex(sent);
  io.bytes.set(bytes, QUERY_AT);
  readQuery(io.bytes, io.view, QUERY_AT, bytes.length, 1, query);
  const record = fromHex(soa);
  const length = writeDenial(io.words, io.view, TARGET, 512, query, rcode, zoneLength, record);
  assert.equal(io.bytes[TARGET + length], POISON, "written beyond its length");
  return dnsPacket.decode(Buffer.from(io.bytes.slice(TARGET, TARGET + length)));
}

test("writeDenial() has the SOA of the zone, in the client's case", () => {
  const cases: [rcode: number, zoneLength: number, owner: string, rcodeName: string][] = [
    [RCODE_NOERROR, 13, "Example.org", "NOERROR"],
    [RCODE_NXDOMAIN, 5, "org", "NXDOMAIN"],
    [RCODE_NOERROR, 1, ".", "NOERROR"],
    [RCODE_NOERROR, 17, "www.Example.org", "NOERROR"],
  ];
  for (const [rcode, zoneLength, owner, rcodeName] of cases) {
    for (const [sent, optCount] of [
      [PLAIN, 0],
      [WITH_OPT, 1],
    ] as const) {
      const answer = denial(sent, rcode, zoneLength);
      assert.equal((answer as { rcode?: string }).rcode, rcodeName);
      assert.deepEqual([answer.flag_aa, answer.flag_ra, answer.flag_rd], [true, true, true]);
      assert.deepEqual(answer.questions, [{ name: "www.Example.org", type: "AAAA", class: "IN" }]);
      const [soa] = answer.authorities ?? [];
      assert.deepEqual(
        [soa?.type, soa?.name, soa !== undefined && "ttl" in soa && soa.ttl],
        ["SOA", owner, 60],
      );
      assert.equal(answer.additionals?.length, optCount);
    }
  }
});

test("writeDenial() leaves out a SOA that does not fit", () => {
  const answer = denial(WITH_OPT, RCODE_NOERROR, 13, SOA + "00".repeat(480));
  assert.deepEqual([answer.authorities?.length, answer.additionals?.length], [0, 1]);
});

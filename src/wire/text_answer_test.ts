import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as dnsPacket from "dns-packet";
import { fromHex, makeMemory } from "../../tests/support/memory.ts";
import { Query, readQuery } from "./query.ts";
import { writeTextAnswer } from "./text_answer.ts";

const QUERY_AT = 65;
const TARGET = 2048;
const POISON = 0xee;
const NAME = "02696400"; // id.
const PLAIN = `abcd 0100 0001 0000 0000 0000 ${NAME} 0010 0003`;
const WITH_OPT = `abcd 0100 0001 0000 0000 0001 ${NAME} 0010 0003 00 0029 1000 00008000 0000`;

function answer(sent: string, text: string) {
  const io = makeMemory(8192, POISON);
  const query = new Query();
  const bytes = fromHex(sent);
  io.bytes.set(bytes, QUERY_AT);
  readQuery(io.bytes, io.view, QUERY_AT, bytes.length, 1, query);
  const said = new TextEncoder().encode(text);
  const length = writeTextAnswer(io.words, io.view, TARGET, 512, query, said);
  assert.equal(io.bytes[TARGET + length], POISON, "written beyond its length");
  return dnsPacket.decode(Buffer.from(io.bytes.slice(TARGET, TARGET + length)));
}

test("writeTextAnswer() answers with one string, in the class of the question", () => {
  const { id, flags, questions, answers, additionals } = answer(PLAIN, "who asks?");
  assert.deepEqual([id, flags], [0xabcd, 0x0180]);
  assert.deepEqual(questions, [{ name: "id", type: "TXT", class: "CH" }]);
  const data = [Buffer.from("who asks?")];
  const [record] = answers ?? [];
  assert.deepEqual(
    { ...record, flush: undefined },
    {
      ...{ name: "id", type: "TXT", ttl: 0, class: "CH", flush: undefined, data },
    },
  );
  assert.deepEqual(additionals, []);
});

test("writeTextAnswer() says only what one string holds, and has an OPT behind it if asked with one", () => {
  const { answers, additionals } = answer(WITH_OPT, "a".repeat(300));
  const [record] = answers ?? [];
  assert.deepEqual(record !== undefined && "data" in record && record.data, [
    Buffer.from("a".repeat(255)),
  ]);
  assert.equal(additionals?.length, 1);
  assert.equal(additionals?.[0]?.type, "OPT");
});

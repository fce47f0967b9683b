import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, makeMemory, toHex } from "../../tests/support/memory.ts";
import { addExtendedError, setTtls } from "./amend_answer.ts";

const AT = 64;
const ROOM_BYTES = 256;
const QUESTION = "abcd 8180 0001 0002 0000 0001 00 0001 0001";
const RECORDS = "00 0001 0001 00000000 0004 c0000201 00 0001 0001 00000007 0004 c0000202";
const OPT = "00 0029 04d0 00008000 0000";
const TTLS = [22, 37];
const hex = (text: string) => text.replaceAll(" ", "");

/** Memory with `text` at AT and the TTL offsets behind it. */
function written(text: string) {
  const memory = makeMemory(1024, 0xee);
  const bytes = fromHex(text);
  memory.bytes.set(bytes, AT);
  TTLS.forEach((ttl, index) => {
    memory.view.setUint16(AT + ROOM_BYTES + 2 * index, ttl, true);
  });
  const text_ = (length: number) => hex(toHex(memory.bytes.subarray(AT, AT + length)));
  return { ...memory, length: bytes.length, text: text_ };
}

test("setTtls() sets every TTL, and nothing of the OPT", () => {
  const answer = written(`${QUESTION} ${RECORDS} ${OPT}`);
  const { view, length } = answer;
  setTtls(view, AT, length, 1, view, AT + ROOM_BYTES, TTLS.length, 30);
  const records = RECORDS.replace("00000000", "0000001e").replace("00000007", "0000001e");
  assert.equal(answer.text(length), hex(`${QUESTION} ${records} ${OPT}`));
});

test("setTtls() leaves out records that were cut off, and offsets beyond the memory", () => {
  const answer = written(`${QUESTION} ${RECORDS.slice(0, 38)} ${OPT}`);
  const { view, length } = answer;
  const before = answer.text(ROOM_BYTES);
  setTtls(view, AT, length, 1, view, AT + ROOM_BYTES, TTLS.length, 30);
  const after = before.replace("00000000", "0000001e");
  assert.equal(answer.text(ROOM_BYTES), before.startsWith(hex(QUESTION)) ? after : "");
  setTtls(view, AT, length, 1, view, view.byteLength - 2, TTLS.length, 31);
  assert.equal(answer.text(ROOM_BYTES), after);
  const bare = written(`${QUESTION} ${OPT}`);
  const bareBefore = bare.text(ROOM_BYTES);
  setTtls(bare.view, AT, bare.length, 1, bare.view, AT + ROOM_BYTES, TTLS.length, 30);
  assert.equal(bare.text(ROOM_BYTES), bareBefore);
});

test("addExtendedError() adds an option to the OPT when there is one and room for it", () => {
  const answer = written(`${QUESTION} ${OPT}`);
  const { view, length } = answer;
  const before = answer.text(ROOM_BYTES);
  assert.equal(addExtendedError(view, AT, length, 1232, 0, 3), length);
  assert.equal(addExtendedError(view, AT, length, length + 5, 1, 3), length);
  assert.equal(answer.text(ROOM_BYTES), before);
  assert.equal(addExtendedError(view, AT, length, length + 6, 1, 19), length + 6);
  const opt = "00 0029 04d0 00008000 0006 000f 0002 0013";
  assert.equal(answer.text(length + 6), hex(`${QUESTION} ${opt}`));
});

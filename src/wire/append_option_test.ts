import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, makeMemory, toHex } from "../../tests/support/memory.ts";
import { appendOption } from "./append_option.ts";

const TARGET = 64;
const HEAD = "abcd81000001000000000001" + "00" + "00010001";
const OPT = "00002904d000000000";
const DATA = fromHex("6e31");

function append(message: string, limitBytes = 512): string {
  const { bytes, view } = makeMemory(1024, 0xee);
  const before = fromHex(message);
  bytes.set(before, TARGET);
  const length = appendOption(bytes, view, TARGET, before.length, limitBytes, 3, DATA);
  assert.equal(bytes[TARGET + length], 0xee, "written beyond its length");
  return toHex(bytes.subarray(TARGET, TARGET + length));
}

test("appendOption() puts an option behind those that are there", () => {
  const cases: [message: string, after: string][] = [
    [`${HEAD}${OPT}0000`, `${HEAD}${OPT}0006000300026e31`],
    [`${HEAD}${OPT}0006000f00020003`, `${HEAD}${OPT}000c000f00020003000300026e31`],
    [HEAD, HEAD],
  ];
  for (const [message, after] of cases) assert.equal(append(message), after);
});

test("appendOption() leaves an answer alone that would become too long", () => {
  const message = `${HEAD}${OPT}0000`;
  const length = message.length / 2 + 6;
  assert.equal(append(message, length - 1), message);
  assert.notEqual(append(message, length), message);
});

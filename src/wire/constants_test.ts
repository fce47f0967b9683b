import assert from "node:assert/strict";
import { test } from "node:test";
import {
  classCode,
  className,
  opcodeName,
  optionName,
  rcodeName,
  typeCode,
  typeName,
} from "./constants.ts";

test("typeName() and typeCode() are each other's inverse for every type", () => {
  for (let type = 0; type <= 0xffff; type++) assert.equal(typeCode(typeName(type)), type);
});

test("typeCode() takes any case and the TYPE form, and nothing else", () => {
  assert.equal(typeCode("aaaa"), 28);
  assert.equal(typeCode("HTTPS"), 65);
  assert.equal(typeCode("type666"), 666);
  assert.equal(typeCode("TYPE1"), 1);
  for (const wrong of ["", "TYPE", "TYPE65536", "TYPE-1", "TYPE1e3", "A ", "AAAAA", "666"]) {
    assert.equal(typeCode(wrong), undefined, wrong);
  }
});

test("classCode() and className() know IN, CH and numbered classes", () => {
  assert.equal(classCode("ch"), 3);
  assert.equal(classCode("CLASS32"), 32);
  assert.equal(classCode("IM"), undefined);
  assert.equal(className(1), "IN");
  assert.equal(className(32), "CLASS32");
});

test("rcodeName(), opcodeName() and optionName() fall back to numbers", () => {
  assert.deepEqual([3, 16, 3000].map(rcodeName), ["NXDOMAIN", "BADVERS", "RCODE3000"]);
  assert.deepEqual([0, 5, 15].map(opcodeName), ["QUERY", "UPDATE", "OPCODE15"]);
  assert.deepEqual([10, 15, 100].map(optionName), ["COOKIE", "EDE", "OPTION100"]);
});

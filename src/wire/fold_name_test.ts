import assert from "node:assert/strict";
import { test } from "node:test";
import { makeMemory } from "../../tests/support/memory.ts";
import { foldName, foldWord, isSameQuestion } from "./fold_name.ts";
import { foldWireName, nameToWire } from "./name.ts";

const SEED = 0x5eed;

/** The folded name and its hash, read at `at`, with `behind` in the bytes after the name. */
function fold(wire: Uint8Array, at: number, behind: number, seed = SEED): [Uint8Array, number] {
  const memory = makeMemory(512, behind);
  memory.bytes.set(wire, at);
  const into = makeMemory(256);
  const hash = foldName(memory.view, at, wire.length, seed, into.words);
  return [into.bytes.slice(0, (wire.length + 3) & ~3), hash];
}

test("foldWord() folds each of the 256 bytes in each place, alone and between others", () => {
  for (let byte = 0; byte < 256; byte++) {
    const small = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    for (const rest of [0x00, 0x7f, 0x80, 0xff, 0x41]) {
      const restSmall = rest === 0x41 ? 0x61 : rest;
      for (let place = 0; place < 4; place++) {
        const input = new Uint8Array(4).fill(rest);
        const expected = new Uint8Array(4).fill(restSmall);
        input[place] = byte;
        expected[place] = small;
        const word = foldWord(new Int32Array(input.buffer)[0]);
        assert.equal(word, new Int32Array(expected.buffer)[0], `${byte} in ${place} of ${rest}`);
      }
    }
  }
});

test("foldName() folds at any alignment and length and pads with zeros", () => {
  for (let length = 1; length <= 255; length++) {
    const wire = Uint8Array.from({ length }, (_, index) => (index * 7 + length) & 0xff);
    const expected = new Uint8Array((length + 3) & ~3);
    expected.set(foldWireName(wire));
    for (let at = 12; at < 16; at++) {
      assert.deepEqual(fold(wire, at, 0xee)[0], expected, `${length} bytes at ${at}`);
    }
  }
});

test("foldName() gives one hash for a name in any case, place and surrounding", () => {
  const hash = fold(nameToWire("www.example.org"), 12, 0)[1];
  assert.equal(fold(nameToWire("WWW.eXample.ORG"), 12, 0)[1], hash);
  assert.equal(fold(nameToWire("www.example.org"), 13, 0xff)[1], hash);
  assert.notEqual(fold(nameToWire("www.example.org"), 12, 0, SEED + 1)[1], hash);
  assert.notEqual(fold(nameToWire("wwx.example.org"), 12, 0)[1], hash);
});

test("foldName() spreads 65536 similar names evenly over low and high bits", () => {
  const low = new Uint32Array(256);
  const high = new Uint32Array(256);
  const seen = new Set<number>();
  for (let index = 0; index < 65_536; index++) {
    const hash = fold(nameToWire(`host-${index}.example.org`), 12, 0)[1];
    low[hash & 0xff]++;
    high[hash >>> 24]++;
    seen.add(hash);
  }
  // 256 are expected in each of 256 cells; the sum of squared deviations over 256 is chi-squared
  // with 255 degrees of freedom: over 400 happens once in 10^8 times for a fair hash.
  for (const cells of [low, high]) {
    const chiSquared = cells.reduce((sum, count) => sum + (count - 256) ** 2 / 256, 0);
    assert.ok(chiSquared < 400, `chi-squared ${chiSquared}`);
  }
  // About 65536^2 / 2^33 = 0.5 collisions are expected.
  assert.ok(seen.size > 65_536 - 8, `${65_536 - seen.size} collisions`);
});

test("foldName() has no collisions that hold for every seed by flipping top bits", () => {
  // Against a hash that multiplies by odd numbers only, these two collide whatever the seed is.
  const one = Uint8Array.from([7, 1, 2, 0x03, 4, 5, 6, 0x07, 0]);
  const other = Uint8Array.from([7, 1, 2, 0x83, 4, 5, 6, 0x87, 0]);
  for (let seed = 0; seed < 256; seed++) {
    assert.notEqual(fold(one, 12, 0, seed)[1], fold(other, 12, 0, seed)[1], `seed ${seed}`);
  }
});

test("isSameQuestion() ignores case in the name and nowhere else", () => {
  const memory = makeMemory(256);
  const isSame = (one: string, oneTail: number[], other: string, otherTail: number[]) => {
    const question = [...nameToWire(one), ...oneTail];
    memory.bytes.set(question, 1);
    memory.bytes.set([...nameToWire(other), ...otherTail], 130);
    return isSameQuestion(memory.view, 1, memory.view, 130, question.length);
  };
  for (const name of ["a", "ab", "abc", "abcd", "www.example.org"]) {
    const upper = name.toUpperCase();
    const other = name.slice(0, -1) + "x";
    assert.equal(isSame(name, [0, 65, 0, 1], upper, [0, 65, 0, 1]), true, name);
    assert.equal(isSame(name, [0, 65, 0, 1], upper, [0, 97, 0, 1]), false, name);
    assert.equal(isSame(name, [0, 65, 0, 1], upper, [0, 65, 0, 3]), false, name);
    assert.equal(isSame(name, [0, 65, 0, 1], other, [0, 65, 0, 1]), false, name);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { LOOP_WORDS, LoopWords } from "./loop_words.ts";

function words(): LoopWords {
  return new LoopWords(new Int32Array(new SharedArrayBuffer(LOOP_WORDS * 4)));
}

test("LoopWords.claim() lets one worker send per interval and plan", () => {
  const loops = words();
  assert.equal(loops.claim(3, 1, 5000, 0), true);
  assert.equal(loops.claim(3, 1, 5000, 4900), false);
  assert.equal(loops.claim(4, 1, 5000, 4900), true);
  assert.equal(loops.claim(3, 1, 5000, 5000), true);
  assert.equal(loops.claim(3, 2, 5000, 5000), true);
});

test("LoopWords.seenAgeMs() is that of this plan's probe", () => {
  const loops = words();
  assert.equal(loops.seenAgeMs(0, 1, 1000), Number.POSITIVE_INFINITY);
  loops.see(0, 1, 1000);
  assert.equal(loops.seenAgeMs(0, 1, 3500), 2500);
  assert.equal(loops.seenAgeMs(0, 1, 900), 0);
  assert.equal(loops.seenAgeMs(0, 2, 3500), Number.POSITIVE_INFINITY);
  assert.equal(loops.seenAgeMs(1, 1, 3500), Number.POSITIVE_INFINITY);
  assert.deepEqual([loops.forget(0), loops.forget(0)], [true, false]);
  assert.equal(loops.seenAgeMs(0, 1, 3500), Number.POSITIVE_INFINITY);
});

test("LoopWords: time and generations may go round", () => {
  const loops = words();
  const lateMs = 2 ** 24 * 100 - 200;
  loops.see(0, 128, lateMs);
  assert.equal(loops.seenAgeMs(0, 128, lateMs + 1000), 1000);
  loops.see(0, 128, 0);
  assert.equal(loops.seenAgeMs(0, 128, 1000), 900);
});

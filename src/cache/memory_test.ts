import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache, NOT_CACHED, REPLACED, STORED } from "./cache.ts";
import { nameFixture, Scratch, writeImage } from "./fixtures.ts";
import { inspectEntry } from "./inspect.ts";
import {
  CACHE_BUDGET_BYTES_MAX,
  CACHE_BUDGET_BYTES_MIN,
  CacheMemory,
  cacheMemory,
  MAIN_RING,
  RING_END,
  RING_HEAD,
  RING_TAIL,
} from "./memory.ts";

const MIB = 1024 * 1024;

test("cacheMemory() keeps to the budget, to the last cache line", () => {
  for (const budgetBytes of [MIB, MIB + 63, MIB + 64, 5_000_001, 32 * MIB, 100 * MIB + 1]) {
    const memory = cacheMemory(budgetBytes);
    assert.ok(memory.byteLength <= budgetBytes);
    assert.ok(memory.byteLength > budgetBytes - 64);
    const { words, bucketsAt, ghostsAt } = new CacheMemory(memory);
    // Large memory begins 16 bytes behind a cache line.
    assert.equal((bucketsAt * 4 + 16) % 64, 0, "a bucket is one cache line");
    assert.ok(ghostsAt > bucketsAt);
    assert.equal(words[MAIN_RING + RING_END], memory.byteLength / 16);
    const dataBytes = (words[MAIN_RING + RING_END] - (words[64] as number)) * 16;
    assert.ok(dataBytes > 0.89 * budgetBytes, `${dataBytes} of ${budgetBytes} are for entries`);
  }
});

test("cacheMemory() refuses a budget outside its limits", () => {
  const name = "RangeError";
  assert.throws(() => cacheMemory(CACHE_BUDGET_BYTES_MIN - 1), { name });
  assert.throws(() => cacheMemory(CACHE_BUDGET_BYTES_MAX + 1), { name });
  assert.throws(() => cacheMemory(Number.NaN), { name });
});

test("CacheMemory() refuses memory that is not a cache's", () => {
  assert.throws(() => new CacheMemory(new SharedArrayBuffer(MIB)), { name: "TypeError" });
});

test("a cache of 3.5 GiB finds, replaces and wraps where offsets are beyond 2 GiB", () => {
  // Untouched pages are not taken from the machine.
  const cache = new Cache(cacheMemory(CACHE_BUDGET_BYTES_MAX), { shared: false });
  const { words } = cache;
  const scratch = new Scratch();
  // Put the head of the main ring near its end, with nothing behind it.
  const end = words[MAIN_RING + RING_END] as number;
  words[MAIN_RING + RING_HEAD] = end - 64;
  words[MAIN_RING + RING_TAIL] = end - 64;
  const names = Array.from({ length: 20 }, (_, i) => nameFixture(`n${i}.example.org`));
  const find = (i: number): number => {
    const name = names[i];
    return cache.find(name.words, name.lengthBytes, name.hash, 1, 1, 0, 0);
  };
  let far = 0;
  for (let i = 0; i < names.length; i++) {
    // An answer that has outgrown its place goes straight to the main ring, if it was hit.
    writeImage(scratch, { name: names[i], fill: i });
    assert.equal(cache.store(scratch.words, 0, 0), STORED);
    find(i);
    writeImage(scratch, { name: names[i], extraBytes: 60, fill: i });
    assert.equal(cache.store(scratch.words, 0, 0), REPLACED);
    if (find(i) > 2 ** 31) far++;
  }
  assert.ok(far >= 5, `${far} entries are beyond 2 GiB`);
  assert.ok(far < names.length, "the ring has wrapped");
  for (let i = 0; i < names.length; i++) {
    const entry = find(i);
    assert.notEqual(entry, NOT_CACHED);
    assert.equal(cache.bytes[cache.messageOffset + cache.messageLength - 1], i);
    assert.equal(cache.view.getUint32(cache.messageOffset), 0x8180);
    const info = inspectEntry(cache, entry);
    assert.deepEqual(info.name, names[i].bytes.slice(0, names[i].lengthBytes));
    assert.equal(info.ttlOffsets.length, 1);
  }
  assert.equal(cache.memory.entries, names.length);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache } from "../cache/cache.ts";
import { UDP_BATCH } from "../limits.ts";
import { Prng } from "../std/prng.ts";
import { QueryBatch } from "./query_batch.ts";

test("touch() reads within the cache's memory, whatever the hashes are, and changes nothing", () => {
  const seed = Number(process.env.SEED ?? 7);
  const prng = new Prng(seed);
  const memory = Cache.memoryFor(1024 * 1024);
  const cache = new Cache(memory, { shared: false });
  // Slots that point anywhere, the last unit of the memory included.
  const lastUnit = memory.byteLength / 16 - 4;
  const batch = new QueryBatch();
  for (let round = 0; round < 200; round++) {
    for (let row = 0; row < UDP_BATCH; row++) {
      batch.hashes[row] = prng.uint32() | 0;
      const bucket = cache.bucketOf(batch.hashes[row]);
      cache.words[bucket] = batch.hashes[row];
      cache.words[bucket + 8] = row === 0 ? lastUnit : prng.below(lastUnit);
    }
    const before = new Uint8Array(memory.slice(0));
    batch.touch(cache, UDP_BATCH);
    assert.deepEqual(Buffer.compare(before, new Uint8Array(memory)), 0, `SEED=${seed}`);
    assert.ok(Number.isInteger(batch.touched), "no undefined was added");
  }
});

test("touch() finds the entries of the first buckets", () => {
  const cache = new Cache(Cache.memoryFor(1024 * 1024), { shared: false });
  const batch = new QueryBatch();
  batch.hashes[0] = 0x1234_5678;
  const bucket = cache.bucketOf(batch.hashes[0]);
  cache.words[bucket] = batch.hashes[0];
  cache.words[bucket + 8] = 2000;
  cache.words[2000 << 2] = 40;
  cache.words[(2000 << 2) + 14] = 2;
  batch.touch(cache, 1);
  assert.equal(batch.touched, (0x1234_5678 + 42) | 0);
});

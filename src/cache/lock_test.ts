import assert from "node:assert/strict";
import { test } from "node:test";
import { BUSY, Cache, NOT_CACHED, STORED } from "./cache.ts";
import { nameFixture, Scratch, writeImage } from "./fixtures.ts";
import { verifyCache } from "./inspect.ts";
import { LIST_CAPACITY, LIST_SUCCESS, listOf } from "./lists.ts";
import { LOCK_BUSY, LOCK_STALE_SEC, LOCK_STOLEN, LOCK_TAKEN, WriterLock } from "./lock.ts";
import { COUNT_STOLEN, LOCK, MAIN_RING, RING_HEAD } from "./memory.ts";

const MIB = 1024 * 1024;
const NOW_SEC = 1000;

function newWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(1024));
}

test("take() is refused while another worker holds the lock, and not after release()", () => {
  const words = newWords();
  const first = new WriterLock(words, 1);
  const second = new WriterLock(words, 2);
  assert.equal(first.take(NOW_SEC), LOCK_TAKEN);
  assert.equal(second.take(NOW_SEC), LOCK_BUSY);
  assert.equal(second.take(NOW_SEC + LOCK_STALE_SEC - 1), LOCK_BUSY);
  first.release();
  assert.equal(second.take(NOW_SEC), LOCK_TAKEN);
  second.release();
  assert.equal(words[LOCK], 0);
});

test("take() steals a lock that was held without change, and the late holder cannot give it back", () => {
  const words = newWords();
  const dead = new WriterLock(words, 1);
  const alive = new WriterLock(words, 2);
  assert.equal(dead.take(NOW_SEC), LOCK_TAKEN);
  assert.equal(alive.take(NOW_SEC), LOCK_BUSY);
  assert.equal(alive.take(NOW_SEC + LOCK_STALE_SEC), LOCK_STOLEN);
  const stolen = words[LOCK];
  dead.release();
  assert.equal(words[LOCK], stolen);
  alive.release();
  assert.equal(words[LOCK], 0);
});

test("take() does not steal a lock that changed hands in between", () => {
  const words = newWords();
  const first = new WriterLock(words, 1);
  const second = new WriterLock(words, 2);
  first.take(NOW_SEC);
  assert.equal(second.take(NOW_SEC), LOCK_BUSY);
  first.release();
  first.take(NOW_SEC + 1);
  assert.equal(second.take(NOW_SEC + LOCK_STALE_SEC), LOCK_BUSY);
  assert.equal(second.take(NOW_SEC + 2 * LOCK_STALE_SEC), LOCK_STOLEN);
});

test("store() gives up while another worker writes, and starts anew after its death", () => {
  const memory = Cache.memoryFor(MIB);
  const dead = new Cache(memory, { shared: true, worker: 1 });
  const alive = new Cache(memory, { shared: true, worker: 2 });
  const scratch = new Scratch();
  const old = nameFixture("old.example.org");
  const name = nameFixture("new.example.org");
  const find = (what: typeof name): number =>
    alive.find(what.words, what.lengthBytes, what.hash, 1, 1, 0, 0);
  dead.setViews([{ view: 0, successCapacity: 7, denialCapacity: 0 }], NOW_SEC);
  writeImage(scratch, { name: old });
  assert.equal(dead.store(scratch.words, 0, NOW_SEC), STORED);

  // As if worker 1 had died in the middle of a store: the lock taken, a ring moved, nothing there.
  new WriterLock(dead.words, 1).take(NOW_SEC);
  (dead.words[MAIN_RING + RING_HEAD] as number) += 5;
  writeImage(scratch, { name });
  assert.equal(alive.store(scratch.words, 0, NOW_SEC), BUSY);
  assert.equal(alive.memory.busyCount, 1);
  assert.notEqual(find(old), NOT_CACHED, "readers need no lock");
  assert.equal(alive.setViews([], NOW_SEC), false);

  assert.equal(alive.store(scratch.words, 0, NOW_SEC + LOCK_STALE_SEC), STORED);
  assert.equal(alive.memory.counters[COUNT_STOLEN], 1);
  assert.equal(find(old), NOT_CACHED);
  assert.notEqual(find(name), NOT_CACHED);
  assert.equal(alive.words[listOf(0, LIST_SUCCESS) + LIST_CAPACITY], 7);
  assert.deepEqual(verifyCache(alive), []);
});

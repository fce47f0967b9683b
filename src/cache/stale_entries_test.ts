import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache, KEPT, NOT_CACHED, REPLACED } from "./cache.ts";
import { KIND_DENIAL, KIND_SERVFAIL } from "./entry.ts";
import {
  type ImageOptions,
  type NameFixture,
  nameFixture,
  Scratch,
  writeImage,
} from "./fixtures.ts";
import { listEntries, verifyCache } from "./inspect.ts";
import { LIST_DENIAL, LIST_SUCCESS } from "./lists.ts";
import { COUNT_EXPIRED, COUNT_FORGOTTEN, resetMemory } from "./memory.ts";

const MIB = 1024 * 1024;
const STALE_VIEW = 1;
const PLAIN_VIEW = 2;
const NAME = nameFixture("www.example.org");
const scratch = new Scratch();

/** A cache whose view 1 has a use for answers for 100 s after they expired. */
function staleCache(): Cache {
  const cache = new Cache(Cache.memoryFor(MIB), { shared: false });
  setStale(cache, 100);
  return cache;
}

function setStale(cache: Cache, staleSec: number): void {
  cache.setViews([{ view: STALE_VIEW, successCapacity: 0, denialCapacity: 0, staleSec }], 0);
}

function store(cache: Cache, options: ImageOptions): number {
  writeImage(scratch, options);
  return cache.store(scratch.words, 0, options.nowSec ?? 0);
}

function find(cache: Cache, name: NameFixture, view = STALE_VIEW): number {
  return cache.find(name.words, name.lengthBytes, name.hash, 1, 1, 0, view);
}

/** Fills the cache five times over at `nowSec`, with entries that live on. */
function flood(cache: Cache, nowSec: number): void {
  for (let i = 0; i < 30_000; i++) {
    store(cache, { name: nameFixture(`new${i}.example.org`), view: 0, nowSec, lifetimeSec: 60 });
  }
}

/** 1000 entries each of both views, hit three times and expired at 10; how many a flood leaves. */
function leftAfter(cache: Cache, nowSec: number): { stale: number; plain: number } {
  for (let i = 0; i < 1000; i++) {
    const name = nameFixture(`old${i}.example.org`);
    for (const view of [STALE_VIEW, PLAIN_VIEW]) {
      store(cache, { name, view, nowSec: 0, lifetimeSec: 10 });
      for (let hits = 0; hits < 3; hits++) find(cache, name, view);
    }
  }
  flood(cache, nowSec);
  const old = [...listEntries(cache)].filter((info) => info.expiresAtSec === 10);
  const stale = old.filter((info) => info.view === STALE_VIEW).length;
  return { stale, plain: old.length - stale };
}

test("an expired entry is kept like a live one while its view has a use for it", () => {
  const cache = staleCache();
  const left = leftAfter(cache, 20);
  // What is of no use leaves as the tail comes by; with living entries in between, it does slowly.
  assert.ok(left.stale > 990, `${left.stale} of 1000`);
  assert.ok(left.plain < 500, `${left.plain} of 1000`);
  assert.deepEqual(verifyCache(cache), []);
});

test("an expired entry leaves first once its view has no use for it any more", () => {
  const cache = staleCache();
  assert.deepEqual(leftAfter(cache, 110), { stale: 0, plain: 0 });
  assert.equal(cache.memory.counters[COUNT_EXPIRED], 2000);
  assert.deepEqual(verifyCache(cache), []);
});

test("setViews() changes the use of entries that are there", () => {
  const cache = staleCache();
  setStale(cache, 0);
  assert.deepEqual(leftAfter(cache, 20), { stale: 0, plain: 0 });
});

test("a failure does not replace what is of use, and is not kept itself after it expired", () => {
  const cache = staleCache();
  const failure = { name: NAME, kind: KIND_SERVFAIL, lifetimeSec: 5 };
  store(cache, { name: NAME, view: STALE_VIEW, lifetimeSec: 10 });
  assert.equal(store(cache, { ...failure, view: STALE_VIEW, nowSec: 109 }), KEPT);
  assert.equal(store(cache, { ...failure, view: STALE_VIEW, nowSec: 110 }), REPLACED);
  store(cache, { name: NAME, view: PLAIN_VIEW, lifetimeSec: 10 });
  assert.equal(store(cache, { ...failure, view: PLAIN_VIEW, nowSec: 10 }), REPLACED);
  flood(cache, 120);
  assert.equal(find(cache, NAME), NOT_CACHED);
});

test("noteFailure() is seen by the next find(), and only that entry is touched", () => {
  const cache = staleCache();
  const other = nameFixture("other.example.org");
  for (const name of [NAME, other]) store(cache, { name, view: STALE_VIEW, lifetimeSec: 10 });
  find(cache, NAME);
  cache.noteFailure(15);
  find(cache, other);
  assert.equal(cache.storedAtSec, 0);
  find(cache, NAME);
  assert.equal(cache.storedAtSec, 15);
  assert.equal(cache.expiresAtSec, 10);
  // Written over between find() and now: the new answer has not failed.
  store(cache, { name: NAME, view: STALE_VIEW, nowSec: 20, lifetimeSec: 10 });
  cache.noteFailure(21);
  find(cache, NAME);
  assert.equal(cache.storedAtSec, 20);
});

test("removeFound() removes what was found, unless it is another one by now", () => {
  const cache = staleCache();
  store(cache, { name: NAME, view: STALE_VIEW });
  find(cache, NAME);
  store(cache, { name: NAME, view: STALE_VIEW });
  cache.removeFound(0);
  assert.notEqual(find(cache, NAME), NOT_CACHED);
  cache.removeFound(0);
  assert.equal(find(cache, NAME), NOT_CACHED);
  assert.equal(cache.memory.counters[COUNT_FORGOTTEN], 1);
  assert.deepEqual(verifyCache(cache), []);
});

test("evictionsOf() counts by view and class what left while it was good", () => {
  const cache = staleCache();
  const views = [{ view: PLAIN_VIEW, successCapacity: 2, denialCapacity: 3 }];
  cache.setViews(views, 0);
  for (let i = 0; i < 10; i++) {
    const name = nameFixture(`n${i}.example.org`);
    store(cache, { name, view: PLAIN_VIEW });
    store(cache, { name, view: PLAIN_VIEW, type: 28, kind: KIND_DENIAL });
  }
  const evictions = () => [
    cache.memory.evictionsOf(PLAIN_VIEW, LIST_SUCCESS),
    cache.memory.evictionsOf(PLAIN_VIEW, LIST_DENIAL),
    cache.memory.evictionsOf(STALE_VIEW, LIST_SUCCESS),
  ];
  assert.deepEqual(evictions(), [8, 7, 0]);
  resetMemory(cache.words);
  assert.deepEqual(evictions(), [8, 7, 0]);
});

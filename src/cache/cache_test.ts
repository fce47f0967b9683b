import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Prng } from "../std/prng.ts";
import { Cache, KEPT, NOT_CACHED, REPLACED, STORED, TOO_LARGE } from "./cache.ts";
import { KIND_DENIAL, KIND_SERVFAIL, KIND_SUCCESS, VARIANT_DNSSEC_OK } from "./entry.ts";
import {
  type ImageOptions,
  type NameFixture,
  nameFixture,
  Scratch,
  writeImage,
} from "./fixtures.ts";
import { inspectEntry, listEntries, verifyCache } from "./inspect.ts";
import { LIST_DENIAL, LIST_SUCCESS } from "./lists.ts";
import {
  COUNT_EVICTED,
  COUNT_EVICTED_BUCKET,
  COUNT_EVICTED_CAPACITY,
  COUNT_EXPIRED,
  COUNT_FORGOTTEN,
  COUNT_REINSERTED,
  COUNT_REPLACED,
  COUNT_STORED,
  COUNT_TOO_LARGE,
} from "./memory.ts";

const MIB = 1024 * 1024;
const scratch = new Scratch();

function newCache(budgetBytes = MIB, shared = false): Cache {
  return new Cache(Cache.memoryFor(budgetBytes), { shared });
}

function store(cache: Cache, options: ImageOptions): number {
  writeImage(scratch, options);
  return cache.store(scratch.words, 0, options.nowSec ?? 0);
}

function count(cache: Cache, counter: number): number {
  return cache.memory.counters[counter] as number;
}

function find(cache: Cache, name: NameFixture, type = 1, variant = 0, view = 0): number {
  return cache.find(name.words, name.lengthBytes, name.hash, type, 1, variant, view);
}

/** The byte with which `writeImage()` ended the message of the entry. */
function fillOf(cache: Cache): number {
  return cache.bytes[cache.messageOffset + cache.messageLength - 1] as number;
}

for (const shared of [false, true]) {
  const mode = shared ? "shared" : "single";

  test(`find() gives what store() stored, byte for byte, ${mode}`, () => {
    const cache = newCache(MIB, shared);
    const name = nameFixture("www.example.org");
    assert.equal(find(cache, name), NOT_CACHED);
    const options = { name, nowSec: 100, lifetimeSec: 30, ttlsSec: [30, 40, 50], fill: 7 };
    assert.equal(store(cache, options), STORED);
    const image = scratch.bytes.slice(40, 40 + 12 + name.lengthBytes + 4 + 48);
    const entry = find(cache, name);
    assert.notEqual(entry, NOT_CACHED);
    assert.equal(entry % 16, 0);
    assert.equal(cache.isStill(entry), true);
    assert.equal(cache.messageLength, image.length);
    assert.equal(cache.storedAtSec, 100);
    assert.equal(cache.expiresAtSec, 130);
    assert.equal(cache.ttlCount, 3);
    assert.equal(cache.kind, KIND_SUCCESS);
    const info = inspectEntry(cache, entry);
    assert.deepEqual(info.message, image);
    assert.deepEqual(info.name, name.bytes.slice(0, name.lengthBytes));
    const ttlsSec = info.ttlOffsets.map((at) => cache.view.getUint32(cache.messageOffset + at));
    assert.deepEqual(ttlsSec, [30, 40, 50]);
    assert.deepEqual(verifyCache(cache), []);
  });
}

test("find() tells every part of the key apart", () => {
  const cache = newCache();
  const names = ["a.example.org", "b.example.org", "example.org", ""].map((n) => nameFixture(n));
  const keys: { name: NameFixture; type: number; variant: number; view: number }[] = [];
  for (const name of names) {
    for (const type of [1, 28]) {
      for (const variant of [0, VARIANT_DNSSEC_OK]) {
        for (const view of [0, 255]) keys.push({ name, type, variant, view });
      }
    }
  }
  keys.forEach((key, i) => {
    assert.equal(find(cache, key.name, key.type, key.variant, key.view), NOT_CACHED);
    assert.equal(store(cache, { ...key, fill: i }), STORED);
  });
  keys.forEach((key, i) => {
    assert.notEqual(find(cache, key.name, key.type, key.variant, key.view), NOT_CACHED);
    assert.equal(fillOf(cache), i);
  });
});

test("find() tells names of one hash apart, however long", () => {
  const cache = newCache();
  const names: NameFixture[] = [];
  for (let length = 1; length <= 12; length++) {
    names.push(nameFixture("x".repeat(length), 42));
    names.push(nameFixture(`${"x".repeat(length - 1)}y`, 42));
  }
  // 24 names of one hash have 16 slots: the least used leave, the others stay right.
  names.forEach((name, i) => {
    assert.equal(store(cache, { name, fill: i }), STORED);
  });
  let held = 0;
  names.forEach((name, i) => {
    if (find(cache, name) === NOT_CACHED) return;
    held++;
    assert.equal(fillOf(cache), i);
  });
  assert.equal(held, cache.memory.entries);
  assert.ok(held === 8 || held === 16, `held ${held}`);
  assert.equal(count(cache, COUNT_EVICTED_BUCKET), names.length - held);
  assert.deepEqual(verifyCache(cache), []);
});

test("store() overwrites in place what still fits", () => {
  const cache = newCache();
  const name = nameFixture("www.example.org");
  store(cache, { name, ttlsSec: [60, 60], fill: 1 });
  const before = find(cache, name);
  assert.equal(store(cache, { name, nowSec: 30, ttlsSec: [60], fill: 2 }), REPLACED);
  assert.equal(find(cache, name), before);
  assert.equal(fillOf(cache), 2);
  assert.equal(cache.expiresAtSec, 90);
  assert.equal(cache.memory.entries, 1);
  assert.equal(store(cache, { name, nowSec: 30, ttlsSec: [60, 60], fill: 3 }), REPLACED);
  assert.equal(find(cache, name), before);
  assert.equal(count(cache, COUNT_STORED), 3);
  assert.equal(count(cache, COUNT_REPLACED), 2);
  assert.deepEqual(verifyCache(cache), []);
});

test("store() fills the index to 5/6 and more before it gives up an entry for a slot", () => {
  const cache = newCache();
  for (let i = 0; i < 30_000; i++) {
    // 112 bytes each, so that the bytes are full before the slots are.
    store(cache, { name: nameFixture(`n${10_000 + i}.dns.example.org`) });
  }
  const { entries, bucketCount } = cache.memory;
  assert.ok(entries > (bucketCount * 8 * 5) / 6, `${entries} entries in ${bucketCount} buckets`);
  assert.ok(count(cache, COUNT_EVICTED_BUCKET) < count(cache, COUNT_STORED) / 100);
  assert.deepEqual(verifyCache(cache), []);
});

test("store() moves an answer that has outgrown its place", () => {
  const cache = newCache();
  const name = nameFixture("www.example.org");
  store(cache, { name, fill: 1 });
  const before = find(cache, name);
  assert.equal(store(cache, { name, extraBytes: 100, fill: 2 }), REPLACED);
  assert.notEqual(find(cache, name), before);
  assert.equal(fillOf(cache), 2);
  assert.equal(cache.memory.entries, 1);
  assert.deepEqual(verifyCache(cache), []);
});

test("store() moves an entry between the classes of its view", () => {
  const cache = newCache();
  const name = nameFixture("www.example.org");
  store(cache, { name, view: 3, kind: KIND_DENIAL });
  assert.equal(cache.memory.entriesOf(3, LIST_DENIAL), 1);
  store(cache, { name, view: 3, kind: KIND_SUCCESS });
  assert.equal(cache.memory.entriesOf(3, LIST_DENIAL), 0);
  assert.equal(cache.memory.entriesOf(3, LIST_SUCCESS), 1);
  assert.deepEqual(verifyCache(cache), []);
});

test("store() keeps a good answer rather than a failure, but not an expired one", () => {
  const cache = newCache();
  const name = nameFixture("www.example.org");
  store(cache, { name, lifetimeSec: 60 });
  assert.equal(store(cache, { name, nowSec: 59, kind: KIND_SERVFAIL, lifetimeSec: 5 }), KEPT);
  find(cache, name);
  assert.equal(cache.kind, KIND_SUCCESS);
  assert.equal(store(cache, { name, nowSec: 60, kind: KIND_SERVFAIL, lifetimeSec: 5 }), REPLACED);
  find(cache, name);
  assert.equal(cache.kind, KIND_SERVFAIL);
  assert.equal(cache.memory.entriesOf(0, LIST_DENIAL), 1);
});

test("store() takes the largest message in the smallest cache, and many of them in turn", () => {
  const cache = newCache();
  for (let i = 0; i < 50; i++) {
    const name = nameFixture(`large${i}.example.org`);
    const extraBytes = 65_535 - 12 - name.lengthBytes - 4 - 16;
    assert.equal(store(cache, { name, extraBytes, fill: i }), STORED);
    assert.notEqual(find(cache, name), NOT_CACHED);
    assert.equal(cache.messageLength, 65_535);
    assert.equal(fillOf(cache), i);
    assert.deepEqual(verifyCache(cache), []);
  }
  assert.equal(count(cache, COUNT_TOO_LARGE), 0);
});

test("store() refuses an image that is larger than an eighth of the main ring", () => {
  const cache = newCache();
  const name = nameFixture("large.example.org");
  writeImage(scratch, { name });
  // No message is that large; so the sizes are forged in the image.
  scratch.words[4] = (0xffff << 16) | 0xffff;
  scratch.words[6] = (name.lengthBytes << 16) | 0xffff;
  assert.equal(cache.store(scratch.words, 0, 0), TOO_LARGE);
  assert.equal(cache.memory.entries, 0);
});

test("store() keeps names that are asked for while others pass, and reinserts them", () => {
  const cache = newCache();
  const hot = Array.from({ length: 200 }, (_, i) => nameFixture(`hot${i}.example.org`));
  let missed = 0;
  for (let i = 0; i < 30_000; i++) {
    const once = nameFixture(`once${i}.example.org`);
    store(cache, { name: once, lifetimeSec: 3600 });
    // Every third gets into the main ring, so that its tail moves.
    for (let hits = 0; hits < 2 && i % 3 === 0; hits++) find(cache, once);
    const name = hot[(i / 10) % hot.length] as NameFixture;
    if (i % 10 !== 0 || find(cache, name) !== NOT_CACHED) continue;
    store(cache, { name, lifetimeSec: 3600 });
    missed++;
  }
  assert.equal(missed, hot.length);
  assert.ok(count(cache, COUNT_REINSERTED) > 0);
  assert.ok(count(cache, COUNT_EVICTED) > 0);
  assert.deepEqual(verifyCache(cache), []);
});

test("store() drops expired entries however often they were used", () => {
  const cache = newCache();
  for (let i = 0; i < 3000; i++) {
    const name = nameFixture(`old${i}.example.org`);
    store(cache, { name, lifetimeSec: 10 });
    for (let hits = 0; hits < 3; hits++) find(cache, name);
  }
  for (let i = 0; i < 30_000; i++) {
    store(cache, { name: nameFixture(`new${i}.example.org`), nowSec: 11, lifetimeSec: 60 });
  }
  const old = [...listEntries(cache)].filter((info) => info.expiresAtSec === 10);
  assert.equal(old.length, 0);
  assert.equal(count(cache, COUNT_EXPIRED), 3000);
  assert.deepEqual(verifyCache(cache), []);
});

test("setViews() bounds a view and class, and the oldest unused entry leaves first", () => {
  const cache = newCache();
  assert.equal(cache.setViews([{ view: 1, successCapacity: 3, denialCapacity: 2 }], 0), true);
  const names = Array.from({ length: 6 }, (_, i) => nameFixture(`n${i}.example.org`));
  for (const name of names.slice(0, 3)) store(cache, { name, view: 1 });
  find(cache, names[0] as NameFixture, 1, 0, 1);
  for (const name of names.slice(3, 5)) store(cache, { name, view: 1 });
  const held = names.map((name) => find(cache, name, 1, 0, 1) !== NOT_CACHED);
  assert.deepEqual(held, [true, false, false, true, true, false]);
  for (const name of names) store(cache, { name, view: 1, type: 28, kind: KIND_DENIAL });
  for (const name of names) store(cache, { name, view: 2, kind: KIND_DENIAL });
  assert.equal(cache.memory.entriesOf(1, LIST_SUCCESS), 3);
  assert.equal(cache.memory.entriesOf(1, LIST_DENIAL), 2);
  assert.equal(cache.memory.entriesOf(2, LIST_DENIAL), 6);
  assert.equal(count(cache, COUNT_EVICTED_CAPACITY), 2 + 4);
  assert.deepEqual(verifyCache(cache), []);
});

test("setViews() lowers a capacity in bounded steps", () => {
  const cache = newCache(4 * MIB);
  for (let i = 0; i < 10_000; i++) store(cache, { name: nameFixture(`n${i}.example.org`) });
  const views = [{ view: 0, successCapacity: 100, denialCapacity: 0 }];
  let calls = 1;
  while (!cache.setViews(views, 0)) calls++;
  assert.equal(cache.memory.entriesOf(0, LIST_SUCCESS), 100);
  assert.equal(calls, 3);
  assert.deepEqual(verifyCache(cache), []);
});

test("forgetView() removes all of one view and nothing else, in bounded steps", () => {
  const cache = newCache(4 * MIB);
  for (let i = 0; i < 5000; i++) {
    const name = nameFixture(`n${i}.example.org`);
    store(cache, { name, view: 1, kind: i % 2 === 0 ? KIND_SUCCESS : KIND_DENIAL });
    store(cache, { name, view: 2 });
  }
  assert.equal(cache.forgetView(1, 0), 5000 - 4096);
  assert.equal(cache.forgetView(1, 0), 0);
  assert.equal(cache.memory.entries, 5000);
  assert.equal(cache.memory.entriesOf(2, LIST_SUCCESS), 5000);
  assert.equal(count(cache, COUNT_FORGOTTEN), 5000);
  assert.deepEqual(verifyCache(cache), []);
});

test("a cache behaves like a map that may forget, but never what it has room for", () => {
  const seed = 20_261_123;
  const names = Array.from({ length: 400 }, (_, i) => nameFixture(`n${i}.example.org`, i >> 1));
  const step = fc.record({
    what: fc.constantFrom("store", "store", "store", "find", "find", "forget", "wait", "verify"),
    name: fc.nat({ max: names.length - 1 }),
    view: fc.nat({ max: 2 }),
    kind: fc.constantFrom(KIND_SUCCESS, KIND_DENIAL),
    extraBytes: fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 30_000 })),
    lifetimeSec: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 1500, size: "max" }), (steps) => {
      const cache = newCache();
      cache.setViews([{ view: 2, successCapacity: 20, denialCapacity: 10 }], 0);
      const model = new Map<string, number>();
      let nowSec = 1000;
      for (let i = 0; i < steps.length; i++) {
        const { what, view, kind, extraBytes, lifetimeSec, ...rest } = steps[i];
        const name = names[rest.name] as NameFixture;
        const key = `${rest.name} ${view}`;
        if (what === "store") {
          const options = { name, view, kind, extraBytes, nowSec, lifetimeSec, fill: i };
          const result = store(cache, options);
          assert.ok(result === STORED || result === REPLACED);
          model.set(key, i & 0xff);
          assert.notEqual(find(cache, name, 1, 0, view), NOT_CACHED, "just stored");
        } else if (what === "find") {
          if (find(cache, name, 1, 0, view) !== NOT_CACHED)
            assert.equal(fillOf(cache), model.get(key));
        } else if (what === "forget" && i % 16 === 0) {
          assert.equal(cache.forgetView(view, nowSec), 0);
          cache.setViews([{ view: 2, successCapacity: 20, denialCapacity: 10 }], nowSec);
          for (const known of model.keys()) if (known.endsWith(` ${view}`)) model.delete(known);
        } else if (what === "wait") {
          nowSec += lifetimeSec >> 3;
        } else if (what === "verify") {
          assert.deepEqual(verifyCache(cache), []);
        }
      }
      assert.ok(cache.memory.entriesOf(2, LIST_SUCCESS) <= 20);
      assert.ok(cache.memory.entriesOf(2, LIST_DENIAL) <= 10);
      assert.deepEqual(verifyCache(cache), []);
      const lost = [...model].filter(([key]) => {
        const [i, view] = key.split(" ").map(Number) as [number, number];
        return find(cache, names[i] as NameFixture, 1, 0, view) === NOT_CACHED;
      });
      const left =
        count(cache, COUNT_EXPIRED) +
        count(cache, COUNT_EVICTED) +
        count(cache, COUNT_EVICTED_BUCKET) +
        count(cache, COUNT_EVICTED_CAPACITY);
      assert.ok(lost.length <= left, `${lost.length} lost, ${left} accounted for`);
    }),
    { seed, numRuns: 60 },
  );
});

test("store() never lets the memory grow, and wraps both rings many times", () => {
  const memory = Cache.memoryFor(MIB);
  assert.ok(memory.byteLength <= MIB);
  const cache = new Cache(memory, { shared: false });
  const random = new Prng(7);
  for (let i = 0; i < 50_000; i++) {
    const name = nameFixture(`n${random.below(20_000)}.example.org`);
    if (find(cache, name) !== NOT_CACHED) continue;
    store(cache, { name, nowSec: i >> 8, lifetimeSec: 30, extraBytes: random.below(300) });
    assert.ok(cache.memory.liveBytes < MIB);
    if (i % 5000 === 0) assert.deepEqual(verifyCache(cache), []);
  }
  assert.equal(memory.byteLength, MIB);
  assert.deepEqual(verifyCache(cache), []);
});

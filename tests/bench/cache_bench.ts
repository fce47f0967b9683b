/**
 * How long `find()` takes with 1,000 to 1,000,000 names cached: `node tests/bench/cache_bench.ts`.
 *
 * Prints nanoseconds per hit, with and without copying the message, net of the loop that asks. What
 * grows with the number of names is cache and TLB misses: index bucket, entry, message. Ratios on
 * one machine mean something, digits do not.
 */
import { Cache } from "../../src/cache/cache.ts";
import { nameFixture, Scratch, writeImage } from "../../src/cache/fixtures.ts";
import { Prng } from "../../src/std/prng.ts";

const NAME_COUNTS = [1000, 100_000, 1_000_000];
/** Fits every name below, padded. */
const NAME_WORDS = 8;
const BYTES_PER_NAME = 230;
const BUDGET_BYTES_MIN = 4 * 1024 * 1024;
const REQUESTS = 1 << 20;
const ROUNDS = 5;
const SEED = 1;

class Workload {
  readonly cache: Cache;
  readonly #names: Int32Array;
  readonly #lengths: Uint8Array;
  readonly #hashes: Int32Array;
  readonly #order = new Int32Array(REQUESTS);
  readonly #name = new Int32Array(new SharedArrayBuffer(256));
  readonly #copy = new Int32Array(new SharedArrayBuffer(65_536));

  constructor(count: number, shared: boolean) {
    const budgetBytes = Math.max(BUDGET_BYTES_MIN, count * BYTES_PER_NAME);
    this.cache = new Cache(Cache.memoryFor(budgetBytes), { shared });
    this.#names = new Int32Array(new SharedArrayBuffer(count * NAME_WORDS * 4));
    this.#lengths = new Uint8Array(new SharedArrayBuffer(count));
    this.#hashes = new Int32Array(new SharedArrayBuffer(count * 4));
    const scratch = new Scratch();
    for (let i = 0; i < count; i++) {
      const name = nameFixture(`name${i}.example.org`);
      this.#names.set(name.words.subarray(0, NAME_WORDS), i * NAME_WORDS);
      this.#lengths[i] = name.lengthBytes;
      this.#hashes[i] = name.hash;
      writeImage(scratch, { name, lifetimeSec: 3600 });
      this.cache.store(scratch.words, 0, 0);
    }
    const random = new Prng(SEED);
    for (let i = 0; i < REQUESTS; i++) this.#order[i] = random.below(count);
  }

  /** Asks without a cache; the result only keeps the loop alive. */
  runEmpty(): number {
    let sum = 0;
    for (let i = 0; i < REQUESTS; i++) {
      const which = this.#load(i);
      sum = (sum + this.#lengths[which] + this.#hashes[which] + this.#name[3]) | 0;
    }
    return sum;
  }

  /** Returns how many were found. */
  run(withCopy: boolean): number {
    const cache = this.cache;
    let found = 0;
    for (let i = 0; i < REQUESTS; i++) {
      const which = this.#load(i);
      const length = this.#lengths[which];
      const entry = cache.find(this.#name, length, this.#hashes[which], 1, 1, 0, 0);
      if (entry === 0) continue;
      if (withCopy) this.#copyMessage(cache.messageOffset >>> 2, (cache.messageLength + 3) >> 2);
      if (cache.isStill(entry)) found++;
    }
    return found;
  }

  #copyMessage(from: number, count: number): void {
    for (let word = 0; word < count; word++) this.#copy[word] = this.cache.words[from + word];
  }

  #load(request: number): number {
    const which = this.#order[request];
    const from = which * NAME_WORDS;
    for (let word = 0; word < NAME_WORDS; word++) this.#name[word] = this.#names[from + word];
    return which;
  }
}

/** The best round's time for one request, after one to warm up. */
function bestNs(run: () => number): number {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round <= ROUNDS; round++) {
    const startMs = performance.now();
    run();
    if (round > 0) bestMs = Math.min(bestMs, performance.now() - startMs);
  }
  return (bestMs * 1e6) / REQUESTS;
}

for (const shared of [false, true]) {
  for (const count of NAME_COUNTS) {
    const workload = new Workload(count, shared);
    const emptyNs = bestNs(() => workload.runEmpty());
    const findNs = bestNs(() => workload.run(false)) - emptyNs;
    const copyNs = bestNs(() => workload.run(true)) - emptyNs;
    const held = workload.cache.memory.entries;
    console.log(
      `${shared ? "shared" : "single"}, ${held} names: find ${findNs.toFixed(0)} ns, ` +
        `find and copy ${copyNs.toFixed(0)} ns`,
    );
  }
}

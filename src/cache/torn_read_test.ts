/**
 * Threads that read without a lock while others write over what they read.
 *
 * How often they meet is up to the machine; so it goes on until they met often enough, or for some
 * seconds. `isStill()` answering always true makes it fail at once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { Cache } from "./cache.ts";
import { verifyCache } from "./inspect.ts";
import type { TornReadCounts, TornReadTask } from "./torn_read_worker.ts";

const SEED = 20_261_123;
const WORKERS = 3;
const REFUSED_ENOUGH = 100;
const DURATION_MS_MAX = 2500;
const LOOK_MS = 10;

interface Case {
  readonly what: string;
  readonly names: number;
  readonly extraBytesMax: number;
}

const CASES: readonly Case[] = [
  { what: "few large answers, overwritten in place", names: 4, extraBytesMax: 8000 },
  { what: "more than fits, so that both rings turn", names: 3000, extraBytesMax: 4000 },
];

for (const { what, names, extraBytesMax } of CASES) {
  test(`isStill() refuses every answer that was written over: ${what}`, async (context) => {
    const memory = Cache.memoryFor(1024 * 1024);
    const control = new Int32Array(new SharedArrayBuffer(12));
    const results = Array.from({ length: WORKERS }, (_, i) => {
      const seed = SEED + i;
      return run({ memory, control, worker: i + 1, seed, names, extraBytesMax });
    });
    await untilEnough(control);
    const counts = await Promise.all(results);
    const sum = (of: (count: TornReadCounts) => number): number =>
      counts.reduce((total, count) => total + of(count), 0);
    const refused = sum((count) => count.refused);
    const torn = sum((count) => count.torn);
    context.diagnostic(
      `seed ${SEED}: ${sum((count) => count.found)} found, ${refused} refused, ${torn} torn, ` +
        `${sum((count) => count.stored)} stored, ${sum((count) => count.busy)} times busy`,
    );
    assert.equal(torn, 0);
    assert.ok(sum((count) => count.found) > 0);
    assert.deepEqual(verifyCache(new Cache(memory, { shared: false })), []);
    if (refused === 0) context.diagnostic("no reader met a writer: nothing was proved");
  });
}

function run(task: TornReadTask): Promise<TornReadCounts> {
  const worker = new Worker(new URL("./torn_read_worker.ts", import.meta.url), {
    workerData: task,
  });
  return new Promise((resolve, reject) => {
    worker.once("message", (counts: TornReadCounts) => {
      worker.once("exit", () => resolve(counts));
      void worker.terminate();
    });
    worker.once("error", reject);
  });
}

async function untilEnough(control: Int32Array): Promise<void> {
  for (let waitedMs = 0; waitedMs < DURATION_MS_MAX; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    // Deno checks the types of a worker before it starts it, which takes seconds.
    if (Atomics.load(control, 2) === WORKERS) waitedMs += LOOK_MS;
    if (Atomics.load(control, 1) >= REFUSED_ENOUGH) break;
  }
  Atomics.store(control, 0, 1);
}

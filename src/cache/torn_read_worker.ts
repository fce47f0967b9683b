/**
 * A thread of torn_read_test.ts: stores and finds answers in a shared cache as fast as it can, and
 * counts what `isStill()` let through although its bytes belong to two answers.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Prng } from "../std/prng.ts";
import { BUSY, Cache, NOT_CACHED } from "./cache.ts";
import { nameFixture, Scratch, writeImage } from "./fixtures.ts";

export interface TornReadTask {
  readonly memory: SharedArrayBuffer;
  /** Word 0 becomes 1 when it is enough; 1 sums up what `isStill()` refused; 2 who is at work. */
  readonly control: Int32Array;
  readonly worker: number;
  readonly seed: number;
  readonly names: number;
  readonly extraBytesMax: number;
}

export interface TornReadCounts {
  readonly found: number;
  readonly refused: number;
  readonly stored: number;
  readonly busy: number;
  /** Must be 0. */
  readonly torn: number;
}

const OPERATIONS_PER_LOOK = 64;
const LIFETIME_SEC = 1000;
const QUESTION_BYTES_MAX = 12 + 32 + 4 + 16;

function run(task: TornReadTask): TornReadCounts {
  const cache = new Cache(task.memory, { shared: true, worker: task.worker });
  const random = new Prng(task.seed);
  const scratch = new Scratch();
  const copy = new Uint8Array(65_536);
  const names = Array.from({ length: task.names }, (_, i) => nameFixture(`n${i}.example.org`));
  let found = 0;
  let refused = 0;
  let stored = 0;
  let busy = 0;
  let torn = 0;
  Atomics.add(task.control, 2, 1);
  while (Atomics.load(task.control, 0) === 0) {
    const refusedBefore = refused;
    for (let i = 0; i < OPERATIONS_PER_LOOK; i++) {
      const name = names[random.below(names.length)];
      if (random.below(3) === 0) {
        const extraBytes = 64 + random.below(task.extraBytesMax);
        const fill = random.below(256);
        writeImage(scratch, { name, extraBytes, fill, lifetimeSec: LIFETIME_SEC });
        if (cache.store(scratch.words, 0, 0) === BUSY) busy++;
        else stored++;
        continue;
      }
      const entry = cache.find(name.words, name.lengthBytes, name.hash, 1, 1, 0, 0);
      if (entry === NOT_CACHED) continue;
      const { messageOffset, messageLength } = cache;
      for (let at = 0; at < messageLength; at++) copy[at] = cache.bytes[messageOffset + at];
      const ttlOffset = cache.view.getUint16(cache.ttlsOffset, true);
      if (!cache.isStill(entry)) refused++;
      else if (isWhole(copy, messageLength, name.bytes, name.lengthBytes, ttlOffset)) found++;
      else torn++;
    }
    Atomics.add(task.control, 1, refused - refusedBefore);
  }
  return { found, refused, stored, busy, torn };
}

/** One name, one fill, and its TTL where it should be. */
function isWhole(
  message: Uint8Array,
  length: number,
  name: Uint8Array,
  nameLength: number,
  ttlOffset: number,
): boolean {
  if (length < QUESTION_BYTES_MAX) return false;
  for (let i = 0; i < nameLength; i++) if (message[12 + i] !== name[i]) return false;
  if (ttlOffset !== 12 + nameLength + 4 + 6) return false;
  const fill = message[length - 1];
  for (let at = 12 + nameLength + 4 + 12; at < length; at++) {
    if (message[at] !== fill) return false;
  }
  return true;
}

if (parentPort !== null) parentPort.postMessage(run(workerData as TornReadTask));

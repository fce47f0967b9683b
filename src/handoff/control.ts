/** Words by which the control plane steers a worker that never returns to its event loop. */

import { randomFillSync } from "node:crypto";
import { LOOP_WORDS } from "./loop_words.ts";

/** What workers are to do: one of the stages below. They look at it once per turn. */
const STAGE = 0;
/** The addresses are about to go: end connections by TCP that wait for nothing, and go on. */
export const STAGE_LEAVE = 1;
/** Another instance answers by the addresses: take nothing new, and go on as in `STAGE_LEAVE`. */
export const STAGE_HAND_OVER = 2;
/** Finish what is in flight, then stop. */
export const STAGE_STOP = 3;
/** From here on, a word per worker, from 1: how many plans were sent to it. */
const PLANS = 16;
/** From here on, what workers tell each other about loops, and what they alone know. */
const LOOPS = PLANS + 128;
const SECRET = LOOPS + LOOP_WORDS;
const SECRET_WORDS = 4;
const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT;
const WORDS = SECRET + SECRET_WORDS;

export function controlMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(WORDS * WORD_BYTES);
  randomFillSync(secretBytes(memory));
  return memory;
}

export function requestStage(memory: SharedArrayBuffer, stage: number): void {
  Atomics.store(new Int32Array(memory), STAGE, stage);
}

/**
 * The stage that was asked for; 0 is to serve.
 *
 * @param words `new Int32Array(memory)`, kept by the caller.
 */
export function requestedStage(words: Int32Array): number {
  return Atomics.load(words, STAGE);
}

/** `count` plans have been sent to `worker`, from 1, since it was started. */
export function announcePlans(memory: SharedArrayBuffer, worker: number, count: number): void {
  Atomics.store(new Int32Array(memory), PLANS + worker, count);
}

/**
 * How many plans were sent to `worker`; 0 before any was.
 *
 * @param words `new Int32Array(memory)`, kept by the caller.
 */
export function announcedPlans(words: Int32Array, worker: number): number {
  return Atomics.load(words, PLANS + worker);
}

/** The words of loop_words.ts. */
export function loopWords(memory: SharedArrayBuffer): Int32Array {
  return new Int32Array(memory, LOOPS * WORD_BYTES, LOOP_WORDS);
}

/** Random, the same for all workers, and told to nobody: for names that nobody can guess. */
export function workersSecret(memory: SharedArrayBuffer): string {
  return secretBytes(memory).join(".");
}

function secretBytes(memory: SharedArrayBuffer): Uint8Array {
  return new Uint8Array(memory, SECRET * WORD_BYTES, SECRET_WORDS * WORD_BYTES);
}

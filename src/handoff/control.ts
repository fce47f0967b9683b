/** Words by which the control plane steers a worker that never returns to its event loop. */

/** What workers are to do: one of the stages below. They look at it once per turn. */
const STAGE = 0;
/** The addresses are about to go: end connections by TCP that wait for nothing, and go on. */
export const STAGE_LEAVE = 1;
/** Finish what is in flight, then stop. */
export const STAGE_STOP = 2;
/** From here on, a word per worker, from 1: the generation of the newest plan sent to it. */
const PLANS = 16;
const WORDS = PLANS + 128;

export function controlMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
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

/** A plan of that generation has been sent to `worker`, from 1. */
export function announcePlan(memory: SharedArrayBuffer, worker: number, generation: number): void {
  Atomics.store(new Int32Array(memory), PLANS + worker, generation);
}

/**
 * Generation of the newest plan that was sent to `worker`; 0 before any was.
 *
 * @param words `new Int32Array(memory)`, kept by the caller.
 */
export function announcedPlan(words: Int32Array, worker: number): number {
  return Atomics.load(words, PLANS + worker);
}

/** Words by which the control plane steers a worker that never returns to its event loop. */

/** Set to 1: finish what is in flight, then stop. Workers look at it once per turn. */
const STOP = 0;
const WORDS = 16;

export function controlMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
}

export function requestStop(memory: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(memory), STOP, 1);
}

/** @param words `new Int32Array(memory)`, kept by the caller. */
export function isStopRequested(words: Int32Array): boolean {
  return Atomics.load(words, STOP) === 1;
}

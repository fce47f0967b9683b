// Hot path.
/**
 * Remembers which keys were turned away lately, without their answers.
 *
 * A bucket is 16 fingerprints of 16 bits, newest first; a new one pushes the oldest out. That is
 * first in, first out for each bucket, and on the whole nearly so. 0 is an empty place. One key in
 * 4,000 is taken for another: it is then kept a little longer than it deserves.
 */
import { GHOST_BUCKET_WORDS } from "./memory.ts";

const HASH_SHIFT = 6;
const HASH_SCALE = 2 ** -26;
const LOW_16 = 0xffff;

/** Remembers `hash`. */
export function rememberGhost(
  words: Int32Array,
  ghostsAt: number,
  bucketCount: number,
  hash: number,
): void {
  const at = ghostsAt + ghostBucket(hash, bucketCount);
  for (let i = GHOST_BUCKET_WORDS - 1; i > 0; i--) {
    words[at + i] = (words[at + i] << 16) | (words[at + i - 1] >>> 16);
  }
  words[at] = (words[at] << 16) | fingerprint(hash);
}

/** Whether `hash` is remembered; if so, it is no longer. */
export function forgetGhost(
  words: Int32Array,
  ghostsAt: number,
  bucketCount: number,
  hash: number,
): boolean {
  const at = ghostsAt + ghostBucket(hash, bucketCount);
  const wanted = fingerprint(hash);
  for (let i = 0; i < GHOST_BUCKET_WORDS; i++) {
    const pair = words[at + i];
    if ((pair & LOW_16) === wanted) {
      words[at + i] = pair & ~LOW_16;
      return true;
    }
    if (pair >>> 16 === wanted) {
      words[at + i] = pair & LOW_16;
      return true;
    }
  }
  return false;
}

function ghostBucket(hash: number, bucketCount: number): number {
  return (((hash >>> HASH_SHIFT) * bucketCount * HASH_SCALE) >>> 0) * GHOST_BUCKET_WORDS;
}

/** 16 bits, never 0, of a mix that the bucket does not depend on alone. */
function fingerprint(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb_352d) >>> 16;
  return mixed === 0 ? 1 : mixed;
}

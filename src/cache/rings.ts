// Hot path.
/**
 * A ring of bytes, counted in units of 16: room is taken at the head and given back at the tail.
 *
 *   not wrapped   START ····· TAIL ▓▓▓▓▓▓▓▓▓ HEAD ················ END     free: HEAD … END
 *   wrapped       START ▓▓▓▓▓ HEAD ········· TAIL ▓▓▓▓▓ LIMIT ···· END     free: HEAD … TAIL
 *
 * What is taken is contiguous; what does not fit before END leaves the rest unused, and LIMIT says
 * where the tail has to turn. Knows nothing of entries: who gives back knows the size.
 */
import { RING_END, RING_HEAD, RING_LIMIT, RING_START, RING_TAIL, RING_WRAPPED } from "./memory.ts";

/** No room: unit 0 is in the header of the memory. */
export const NO_ROOM = 0;

/**
 * Takes `units` at the head of the ring whose header is at word `ring`.
 *
 * @returns the first unit, or NO_ROOM when something has to be given back first.
 */
export function takeFromRing(words: Int32Array, ring: number, units: number): number {
  let head = words[ring + RING_HEAD];
  if (words[ring + RING_WRAPPED] === 0 && words[ring + RING_END] - head < units) {
    if (head === words[ring + RING_TAIL]) {
      words[ring + RING_TAIL] = words[ring + RING_START];
    } else {
      words[ring + RING_LIMIT] = head;
      words[ring + RING_WRAPPED] = 1;
    }
    head = words[ring + RING_START];
    words[ring + RING_HEAD] = head;
  }
  if (roomInRing(words, ring) < units) return NO_ROOM;
  words[ring + RING_HEAD] = head + units;
  return head;
}

/** Units that can be taken at the head in one piece, without turning. */
export function roomInRing(words: Int32Array, ring: number): number {
  const end = words[ring + RING_WRAPPED] === 1 ? RING_TAIL : RING_END;
  return words[ring + end] - words[ring + RING_HEAD];
}

/** Gives back the `units` at the tail. */
export function giveBackToRing(words: Int32Array, ring: number, units: number): void {
  const tail = words[ring + RING_TAIL] + units;
  if (words[ring + RING_WRAPPED] === 1 && tail === words[ring + RING_LIMIT]) {
    words[ring + RING_TAIL] = words[ring + RING_START];
    words[ring + RING_LIMIT] = words[ring + RING_END];
    words[ring + RING_WRAPPED] = 0;
  } else {
    words[ring + RING_TAIL] = tail;
  }
}

/** Whether nothing is taken. */
export function ringIsEmpty(words: Int32Array, ring: number): boolean {
  return words[ring + RING_WRAPPED] === 0 && words[ring + RING_HEAD] === words[ring + RING_TAIL];
}

/** The oldest unit that is taken. */
export function ringTail(words: Int32Array, ring: number): number {
  return words[ring + RING_TAIL];
}

/** Whether `unit` is in this ring. */
export function ringHolds(words: Int32Array, ring: number, unit: number): boolean {
  return unit >= words[ring + RING_START] && unit < words[ring + RING_END];
}

/** All units of the ring, taken or not. */
export function ringUnits(words: Int32Array, ring: number): number {
  return words[ring + RING_END] - words[ring + RING_START];
}

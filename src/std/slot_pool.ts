// Hot path.
/**
 * A fixed number of slots, taken and given back in constant time.
 *
 * Free slots are a stack, so a lightly used pool touches few pages of the columns that it indexes.
 * Every slot has a generation that changes when it is given back: whoever keeps a slot number
 * beside its generation can tell that the slot has been reused.
 */

export const NO_SLOT = -1;

export class SlotPool {
  readonly capacity: number;
  readonly #free: Int32Array;
  readonly #generations: Int32Array;
  #freeCount: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#free = new Int32Array(capacity);
    this.#generations = new Int32Array(capacity);
    this.#freeCount = capacity;
    for (let index = 0; index < capacity; index++) this.#free[index] = capacity - 1 - index;
  }

  /** Slots taken at the moment. */
  get usedCount(): number {
    return this.capacity - this.#freeCount;
  }

  /** A free slot, or NO_SLOT when all are taken. */
  take(): number {
    if (this.#freeCount === 0) return NO_SLOT;
    this.#freeCount -= 1;
    return this.#free[this.#freeCount]!;
  }

  /** Gives `slot` back and makes its generation a new one. */
  release(slot: number): void {
    this.#generations[slot] = (this.#generations[slot]! + 1) & 0x7fff_ffff;
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
  }

  generation(slot: number): number {
    return this.#generations[slot]!;
  }
}

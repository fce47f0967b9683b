// Hot path.
/**
 * Finds numbered things by a 32-bit hash: open addressing, linear probing, removal by shifting
 * back.
 *
 * Holds values 0 and up; what a value means, and whether two equal hashes are the same thing, is
 * the caller's business: walk with `first` and `next` and compare.
 *
 *   hashes: [ h3 |  . | h7 | h7' | ... ]   values: [ 12 | -1 | 4 | 9 | ... ]   -1 is empty
 */

export const NOT_FOUND = -1;

export class HashIndex {
  readonly #mask: number;
  readonly #hashes: Int32Array;
  readonly #values: Int32Array;

  /** @param capacity the most values ever held; the table is at least twice that. */
  constructor(capacity: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(capacity, 1) * 2));
    this.#mask = size - 1;
    this.#hashes = new Int32Array(size);
    this.#values = new Int32Array(size).fill(NOT_FOUND);
  }

  /** Where the first value with `hash` stands, for `value()` and `next()`; NOT_FOUND if none. */
  first(hash: number): number {
    return this.#seek(hash & this.#mask, hash | 0);
  }

  /** The position after `position` that holds the same hash. */
  next(position: number): number {
    return this.#seek((position + 1) & this.#mask, this.#hashes[position]!);
  }

  value(position: number): number {
    return this.#values[position]!;
  }

  add(hash: number, value: number): void {
    let position = hash & this.#mask;
    while (this.#values[position] !== NOT_FOUND) position = (position + 1) & this.#mask;
    this.#hashes[position] = hash;
    this.#values[position] = value;
  }

  /** Removes `value` under `hash`; nothing happens when it is not there. */
  remove(hash: number, value: number): void {
    let position = this.first(hash);
    while (position !== NOT_FOUND && this.#values[position] !== value)
      position = this.next(position);
    if (position === NOT_FOUND) return;
    let gap = position;
    let scan = position;
    for (;;) {
      scan = (scan + 1) & this.#mask;
      if (this.#values[scan] === NOT_FOUND) break;
      const home = this.#hashes[scan]! & this.#mask;
      // Moves back unless its home lies in (gap, scan], cyclically: there it would not be found.
      if (((scan - home) & this.#mask) >= ((scan - gap) & this.#mask)) {
        this.#hashes[gap] = this.#hashes[scan]!;
        this.#values[gap] = this.#values[scan]!;
        gap = scan;
      }
    }
    this.#values[gap] = NOT_FOUND;
  }

  #seek(start: number, hash: number): number {
    let position = start;
    while (this.#values[position] !== NOT_FOUND) {
      if (this.#hashes[position] === hash) return position;
      position = (position + 1) & this.#mask;
    }
    return NOT_FOUND;
  }
}

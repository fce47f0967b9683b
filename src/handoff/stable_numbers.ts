/**
 * Numbers for things that are counted in rows of fixed tables, upstreams for one: what has a number
 * keeps it for the life of the process. When all are given out, the last one is everybody's.
 */

export class StableNumbers {
  readonly #count: number;
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];

  /** @param count numbers that there are, the shared one included. */
  constructor(count: number) {
    this.#count = count;
  }

  /** Names by number; without the shared one. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** The number that those share who have none of their own. */
  get overflow(): number {
    return this.#count - 1;
  }

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.#names.length === this.overflow) return this.overflow;
    const number = this.#names.push(name) - 1;
    this.#numbers.set(name, number);
    return number;
  }
}

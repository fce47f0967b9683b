/**
 * Repeatable random numbers for tests and simulations: the same seed gives the same sequence.
 *
 * xoshiro128** by Blackman and Vigna, seeded through splitmix32. Not for anything that an attacker
 * must not guess: that is `random_pool.ts`.
 */

export class Prng {
  readonly seed: number;
  readonly #state = new Uint32Array(4);

  /** @param seed any integer; its low 32 bits count. */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    let mixed = this.seed;
    for (let index = 0; index < this.#state.length; index++) {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let word = mixed;
      word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      this.#state[index] = word ^ (word >>> 15);
    }
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    const state = this.#state;
    const times5 = Math.imul(state[1]!, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0;
    const shifted = state[1]! << 9;
    state[2]! ^= state[0]!;
    state[3]! ^= state[1]!;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= shifted;
    state[3] = (state[3]! << 11) | (state[3]! >>> 21);
    return result;
  }

  /** 0 to count - 1; the bias is below count / 2^32. */
  below(count: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * count);
  }

  /** True with a probability of `ratio`, 0 to 1. */
  chance(ratio: number): boolean {
    return this.uint32() < ratio * 0x1_0000_0000;
  }

  /** One of `choices`, all equally likely; there must be one. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

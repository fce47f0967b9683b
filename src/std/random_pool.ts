// Hot path.
/**
 * Unpredictable numbers, drawn from a cryptographic source by the pageful so that one costs little.
 */

const POOL_WORDS = 1024;

export class RandomPool {
  readonly #words = new Uint32Array(POOL_WORDS);
  readonly #fill: (target: Uint8Array) => void;
  readonly #bytes: Uint8Array;
  #next = POOL_WORDS;

  /** @param fill writes random bytes, cryptographically strong outside tests. */
  constructor(fill: (target: Uint8Array) => void) {
    this.#fill = fill;
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    if (this.#next === POOL_WORDS) {
      this.#fill(this.#bytes);
      this.#next = 0;
    }
    const word = this.#words[this.#next]!;
    // Used numbers do not stay readable in memory.
    this.#words[this.#next] = 0;
    this.#next += 1;
    return word;
  }

  /** 0 to 65,535: a DNS message id. */
  uint16(): number {
    return this.uint32() >>> 16;
  }

  /** 0 to count - 1, for count up to 65,536; the bias is below count / 2^32. */
  below(count: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * count);
  }
}

// Hot path.
/**
 * The one piece of memory that the kernel may read and write: buffers, message headers, addresses.
 *
 * A buffer whose raw address stands in an `iovec` must stay reachable from JavaScript for ever, or
 * the kernel writes into freed memory. So everything of that kind is carved, once and at start,
 * from one slab that lives as long as its owner; there is no way to give a piece back.
 */

const CACHE_LINE_BYTES = 64;

export class Slab {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** Address of byte 0, split into 32-bit halves because 64-bit stores cost a BigInt. */
  readonly #addressLow: number;
  readonly #addressHigh: number;
  #used = 0;

  /** @param address where `buffer` begins, as the kernel sees it; 0n in a simulation. */
  constructor(buffer: SharedArrayBuffer, address: bigint) {
    this.buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.view = new DataView(buffer);
    this.#addressLow = Number(address & 0xffff_ffffn);
    this.#addressHigh = Number(address >> 32n);
  }

  /** Bytes carved so far. */
  get usedBytes(): number {
    return this.#used;
  }

  /**
   * Takes `lengthBytes` bytes, zeroed, for ever.
   *
   * @param alignBytes a power of two up to 64, of the address. Default 8.
   * @throws {RangeError} when the slab is too small: a programmer error, sizes are known at start.
   */
  carve(lengthBytes: number, alignBytes = 8): number {
    // Aligned as the processor sees it: the slab itself may begin anywhere.
    const base = this.#addressLow & (CACHE_LINE_BYTES - 1);
    const offset = ((base + this.#used + alignBytes - 1) & -alignBytes) - base;
    if (offset + lengthBytes > this.bytes.length) {
      throw new RangeError(
        `Cannot carve ${lengthBytes} bytes: ${this.#used} of ${this.bytes.length} are taken`,
      );
    }
    this.#used = offset + lengthBytes;
    return offset;
  }

  /** The address of byte `offset`. Allocates: for set-up only. */
  addressOf(offset: number): bigint {
    return (BigInt(this.#addressHigh) << 32n) + BigInt(this.#addressLow) + BigInt(offset);
  }

  /** Stores the address of byte `offset` into the pointer field at byte `field`. */
  writeAddress(field: number, offset: number): void {
    const low = this.#addressLow + offset;
    const carry = low > 0xffff_ffff ? 1 : 0;
    this.words[field >> 2] = low | 0;
    this.words[(field >> 2) + 1] = (this.#addressHigh + carry) | 0;
  }
}

// Hot path.
/**
 * A queue of small records from one worker to the control plane, in shared memory.
 *
 *   word 0  written   bytes written so far, modulo 2^32; only the worker changes it
 *   word 1  taken     bytes taken so far, modulo 2^32; only the control plane changes it
 *   word 2  dropped   records that found no room
 *   word 3  called    1 while the control plane knows that there is something to take
 *   byte 64 …         the ring, a power of two long; a record is its length (u32) and its bytes,
 *                     padded to 4, and may wrap at any multiple of 4
 *
 * One writer and one reader, so the two positions are all the synchronisation there is. A reader
 * that falls behind costs records, never time: the worker does not wait.
 */

const HEAD_BYTES = 64;
const WRITTEN = 0;
const TAKEN = 1;
const DROPPED = 2;
const CALLED = 3;
const LENGTH_BYTES = 4;

/** Cold: at start. @param capacityBytes a power of two. */
export function ringMemory(capacityBytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + capacityBytes);
}

export class RingWriter {
  readonly #head: Int32Array;
  readonly #words: Int32Array;
  readonly #capacity: number;
  /** Whether anything was written since `shouldCall` last said so. */
  #isFresh = false;

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#words = new Int32Array(memory, HEAD_BYTES);
    this.#capacity = this.#words.length * 4;
  }

  /** Adds the first `lengthBytes` bytes of `record`, or counts them as dropped. */
  write(record: Int32Array, lengthBytes: number): void {
    const words = (lengthBytes + 3) >> 2;
    const written = Atomics.load(this.#head, WRITTEN);
    const used = (written - Atomics.load(this.#head, TAKEN)) >>> 0;
    if (used + LENGTH_BYTES + words * 4 > this.#capacity) {
      this.#head[DROPPED]! += 1;
      return;
    }
    const mask = this.#words.length - 1;
    const at = written >>> 2;
    this.#words[at & mask] = lengthBytes;
    for (let word = 0; word < words; word++) this.#words[(at + 1 + word) & mask] = record[word]!;
    Atomics.store(this.#head, WRITTEN, (written + LENGTH_BYTES + words * 4) | 0);
    this.#isFresh = true;
  }

  /** Whether to call the control plane: true once for all that is written until it comes. */
  shouldCall(): boolean {
    if (!this.#isFresh) return false;
    this.#isFresh = false;
    return Atomics.exchange(this.#head, CALLED, 1) === 0;
  }
}

export class RingReader {
  readonly #head: Int32Array;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#words = new Int32Array(memory, HEAD_BYTES);
  }

  /** Records that found no room so far. */
  get droppedCount(): number {
    return this.#head[DROPPED]!;
  }

  /** To be said before reading to the end: what is written from now on calls again. */
  answerCall(): void {
    Atomics.store(this.#head, CALLED, 0);
  }

  /**
   * The oldest record, copied out, or null when there is none.
   *
   * Cold: the control plane reads.
   */
  read(): Uint8Array | null {
    const taken = Atomics.load(this.#head, TAKEN);
    if (taken === Atomics.load(this.#head, WRITTEN)) return null;
    const mask = this.#words.length - 1;
    const at = taken >>> 2;
    const lengthBytes = this.#words[at & mask]!;
    const words = (lengthBytes + 3) >> 2;
    const record = new Int32Array(words);
    for (let word = 0; word < words; word++) record[word] = this.#words[(at + 1 + word) & mask]!;
    Atomics.store(this.#head, TAKEN, (taken + LENGTH_BYTES + words * 4) | 0);
    return new Uint8Array(record.buffer, 0, lengthBytes);
  }
}

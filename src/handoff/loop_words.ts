/**
 * What workers tell each other about loops: whose probe was sent when, and when one was last seen.
 *
 * A probe that one worker has sent may come back to any other, since the kernel spreads clients
 * over all of them. Two words per probe, in the control memory. A word is a moment, in tenths of a
 * second, and the plan that the probe belongs to; 0 is never:
 *
 *   31   0     30 … 24  generation, modulo 128     23 … 0  tenths of a second, modulo 2^24
 */

import { LOOP_PROBES_MAX } from "../limits.ts";

export const LOOP_WORDS = LOOP_PROBES_MAX * 2;
const SENT = 0;
const SEEN = 1;
const MS_PER_TENTH = 100;
const TENTHS_MASK = 0xff_ffff;
const GENERATION_SHIFT = 24;
const GENERATION_MASK = 0x7f;

/** Probe numbers are the same in all workers that have the same plan. */
export class LoopWords {
  readonly #words: Int32Array;

  /** @param words LOOP_WORDS of them, in memory that all workers share. */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /**
   * Whether the caller is to send probe `number`, which nobody has sent for `intervalMs`: one
   * worker is told so.
   */
  claim(number: number, generation: number, intervalMs: number, nowMs: number): boolean {
    const at = number * 2 + SENT;
    const before = Atomics.load(this.#words, at);
    if (ageMs(before, generation, nowMs) < intervalMs) return false;
    const stamp = stampOf(generation, nowMs);
    return Atomics.compareExchange(this.#words, at, before, stamp) === before;
  }

  /** Probe `number` has come back. */
  see(number: number, generation: number, nowMs: number): void {
    Atomics.store(this.#words, number * 2 + SEEN, stampOf(generation, nowMs));
  }

  /** How long ago probe `number` came back last; Infinity when it has not. */
  seenAgeMs(number: number, generation: number, nowMs: number): number {
    return ageMs(Atomics.load(this.#words, number * 2 + SEEN), generation, nowMs);
  }

  /** Forgets that it came back. @returns whether the caller was the first to do so. */
  forget(number: number): boolean {
    return Atomics.exchange(this.#words, number * 2 + SEEN, 0) !== 0;
  }
}

function stampOf(generation: number, nowMs: number): number {
  const tenths = Math.floor(nowMs / MS_PER_TENTH) & TENTHS_MASK;
  return ((generation & GENERATION_MASK) << GENERATION_SHIFT) | tenths || 1;
}

function ageMs(stamp: number, generation: number, nowMs: number): number {
  if (stamp === 0 || stamp >>> GENERATION_SHIFT !== (generation & GENERATION_MASK)) {
    return Number.POSITIVE_INFINITY;
  }
  const tenths = Math.floor(nowMs / MS_PER_TENTH) & TENTHS_MASK;
  const passed = (tenths - (stamp & TENTHS_MASK)) & TENTHS_MASK;
  // Another worker's clock may be read a little later.
  return (passed > TENTHS_MASK / 2 ? 0 : passed) * MS_PER_TENTH;
}

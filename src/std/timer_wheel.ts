// Hot path.
/**
 * One timer per numbered thing, thousands of them, without an object or an allocation.
 *
 * Time is cut into ticks of `tickMs`; a timer sits in the list of its tick modulo the wheel's size.
 * A list is doubly linked through two columns indexed by the thing's number:
 *
 *   heads[tick & mask] → a ⇄ b ⇄ c        next[a] = b, previous[b] = a, ticks[a] = its tick
 *
 * A timer fires at most one tick late and never early. Those more than one turn away are met on
 * every turn and left alone.
 */

const NONE = -1;

export class TimerWheel {
  readonly tickMs: number;
  readonly #mask: number;
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Tick at which a timer fires; NONE when it is not set. */
  readonly #ticks: Float64Array;
  /** The last tick that `expire` has finished. */
  #doneTick: number;
  #count = 0;

  /**
   * @param capacity numbers are 0 to capacity - 1.
   * @param tickMs resolution in milliseconds.
   * @param wheelSize ticks per turn, a power of two.
   */
  constructor(capacity: number, tickMs: number, wheelSize: number, nowMs: number) {
    this.tickMs = tickMs;
    this.#mask = wheelSize - 1;
    this.#heads = new Int32Array(wheelSize).fill(NONE);
    this.#next = new Int32Array(capacity).fill(NONE);
    this.#previous = new Int32Array(capacity).fill(NONE);
    this.#ticks = new Float64Array(capacity).fill(NONE);
    this.#doneTick = Math.floor(nowMs / tickMs);
  }

  /** Timers set. */
  get count(): number {
    return this.#count;
  }

  /** Sets the timer of `number` to `atMs`, in place of the one it had. */
  set(number: number, atMs: number): void {
    if (this.#ticks[number] !== NONE) this.cancel(number);
    const tick = Math.max(Math.ceil(atMs / this.tickMs), this.#doneTick + 1);
    const slot = tick & this.#mask;
    const head = this.#heads[slot]!;
    this.#ticks[number] = tick;
    this.#next[number] = head;
    this.#previous[number] = NONE;
    if (head !== NONE) this.#previous[head] = number;
    this.#heads[slot] = number;
    this.#count += 1;
  }

  /** Takes the timer of `number` away; nothing happens when none is set. */
  cancel(number: number): void {
    const tick = this.#ticks[number]!;
    if (tick === NONE) return;
    const next = this.#next[number]!;
    const previous = this.#previous[number]!;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else this.#heads[tick & this.#mask] = next;
    this.#ticks[number] = NONE;
    this.#count -= 1;
  }

  /**
   * The number of one timer that is due at `nowMs`, which is then no longer set, or -1. Call until
   * -1; setting and cancelling timers between calls is allowed.
   */
  expire(nowMs: number): number {
    const nowTick = Math.floor(nowMs / this.tickMs);
    if (this.#count === 0) {
      this.#doneTick = Math.max(this.#doneTick, nowTick);
      return NONE;
    }
    // One turn meets every list: after a long pause there is no need to go round twice.
    let tick = Math.max(this.#doneTick + 1, nowTick - this.#mask);
    for (; tick <= nowTick; tick++) {
      for (let at = this.#heads[tick & this.#mask]!; at !== NONE; at = this.#next[at]!) {
        if (this.#ticks[at]! <= nowTick) {
          this.cancel(at);
          return at;
        }
      }
      this.#doneTick = tick;
    }
    return NONE;
  }
}

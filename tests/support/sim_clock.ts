/**
 * Virtual time: a clock that moves only when somebody waits, and the events that lie ahead of it.
 *
 * Events of the same millisecond run in the order in which they were scheduled, so that a run
 * depends on nothing but its seed.
 */

/** Something that will happen; `cancelled` events are skipped. */
export interface SimEvent {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

/** Monotonic time at the start: not 0, so that "never set" and "at the start" differ. */
export const SIM_START_MS = 1_000_000;
/** 2024-01-01T00:00:00Z. */
export const SIM_WALL_START_MS = 1_704_067_200_000;

export class SimClock {
  #nowMs = SIM_START_MS;
  #order = 0;
  /** Binary heap by (atMs, order). */
  readonly #heap: SimEvent[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  get wallMs(): number {
    return SIM_WALL_START_MS + (this.#nowMs - SIM_START_MS);
  }

  /** Runs `action` once `delayMs` milliseconds have passed; 0 is "before the next system call". */
  schedule(delayMs: number, action: () => void): SimEvent {
    const atMs = this.#nowMs + Math.max(delayMs, 0);
    const event: SimEvent = { atMs, order: this.#order++, action, cancelled: false };
    this.#heap.push(event);
    this.#siftUp(this.#heap.length - 1);
    return event;
  }

  /** When the next event happens; Infinity when there is none. */
  get nextMs(): number {
    while (this.#heap.length > 0 && this.#heap[0]!.cancelled) this.#pop();
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.atMs;
  }

  /** Runs what is due at the present moment, and what that causes at the same moment. */
  runDue(): void {
    while (this.nextMs <= this.#nowMs) this.#pop().action();
  }

  /** Moves to `atMs` and runs all that happens up to then. */
  advanceTo(atMs: number): void {
    while (this.nextMs <= atMs) {
      this.#nowMs = Math.max(this.#nowMs, this.nextMs);
      this.#pop().action();
    }
    this.#nowMs = Math.max(this.#nowMs, atMs);
  }

  #pop(): SimEvent {
    const top = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#siftDown(0);
    }
    return top;
  }

  #isBefore(left: number, right: number): boolean {
    const [a, b] = [this.#heap[left]!, this.#heap[right]!];
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  #siftUp(start: number): void {
    for (let at = start; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #siftDown(start: number): void {
    for (let at = start; ; ) {
      let least = at;
      const left = at * 2 + 1;
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left;
      if (left + 1 < this.#heap.length && this.#isBefore(left + 1, least)) least = left + 1;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(left: number, right: number): void {
    const kept = this.#heap[left]!;
    this.#heap[left] = this.#heap[right]!;
    this.#heap[right] = kept;
  }
}

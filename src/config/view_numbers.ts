/**
 * Which server block is which over changes of the configuration: the ids of views.
 *
 * The cache knows answers by the view's id. A block keeps its id, and with it its cached answers,
 * as long as what it answers by itself stays the same: its zones and its plugins with answers of
 * their own (`template`, `hosts` …). Other upstreams, options of the cache, listeners and logs do
 * not change what a cached answer is worth.
 */

import { VIEW_LEAVE_MS, VIEWS_MAX } from "../limits.ts";

/** From the last use of an id until all workers have forgotten its answers. */
const REST_MS = 2 * VIEW_LEAVE_MS;

export class ViewNumbers {
  /** Of the configuration in effect. */
  #ids: ReadonlyMap<string, number> = new Map();
  /** Of the newest one, which may not come into effect. */
  #newest: ReadonlyMap<string, number> = new Map();
  /** When an id was last in a plan. */
  readonly #usedMs = new Float64Array(VIEWS_MAX).fill(Number.NEGATIVE_INFINITY);

  /**
   * The ids of the server blocks of one configuration, each different. The configuration in effect
   * stays the one that it is, until `keep` is called.
   *
   * @param keys what each block is: equal keys are told apart by their order.
   * @param nowMs on a clock that does not go back.
   * @throws {RangeError} when there are too many blocks, or too many have come and gone lately.
   */
  assign(keys: readonly string[], nowMs: number): number[] {
    // What was refused may have been in effect in one worker for a moment.
    const before = new Map([...this.#newest, ...this.#ids]);
    const counts = new Map<string, number>();
    const named = keys.map((key) => {
      const count = counts.get(key) ?? 0;
      counts.set(key, count + 1);
      return `${count} ${key}`;
    });
    const taken = new Set(named.flatMap((name) => before.get(name) ?? []));
    this.#use(this.#ids, nowMs);
    const ids = named.map((name) => {
      const id = before.get(name) ?? this.#free(taken, nowMs);
      taken.add(id);
      return id;
    });
    this.#newest = new Map(named.map((name, index) => [name, ids[index]!]));
    this.#use(this.#newest, nowMs);
    return ids;
  }

  /** The configuration whose ids were assigned last is in effect now, and no other. */
  keep(nowMs: number): void {
    this.#use(this.#ids, nowMs);
    this.#ids = this.#newest;
    this.#use(this.#ids, nowMs);
  }

  #use(ids: ReadonlyMap<string, number>, nowMs: number): void {
    for (const id of ids.values()) this.#usedMs[id] = nowMs;
  }

  /** The id that has been out of use for longest. */
  #free(taken: ReadonlySet<number>, nowMs: number): number {
    let best = -1;
    for (let id = 0; id < VIEWS_MAX; id++) {
      if (taken.has(id)) continue;
      if (best < 0 || this.#usedMs[id]! < this.#usedMs[best]!) best = id;
    }
    if (best < 0) {
      throw new RangeError(
        `Cannot use this configuration: expected at most ${VIEWS_MAX} server blocks`,
      );
    }
    if (nowMs - this.#usedMs[best]! < REST_MS) {
      throw new RangeError(
        "Cannot use this configuration yet: too many server blocks have changed in the last seconds",
      );
    }
    return best;
  }
}

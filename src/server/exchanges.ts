/**
 * Queries that plugins before the cache handle: each is an *exchange* between a client, who waits
 * like any other, and the questions that plugins ask on its behalf.
 *
 *   client ─ waiter ─ plugins ─ question ─ cache ─ hit ──────────── plugins ─ answer ─ client
 *                                            └─ miss ─ later … answers ─ runExchanges ─┘
 *
 * A question of a plugin that waits for an upstream is a waiter as well, of TRANSPORT_EXCHANGE. Its
 * answer is put aside and handled at the end of the turn, because answers are given while the
 * scratch memory, which plugins need too, holds what others still wait for.
 */

import { EXCHANGE_QUESTIONS_MAX } from "../limits.ts";
import type { Done } from "../plugins/front_plugin.ts";
import { SlotPool } from "../std/slot_pool.ts";
import { Query } from "../wire/query.ts";
import type { View } from "./view.ts";

export const NO_QUESTION = -1;

interface Answered {
  readonly done: Done;
  readonly bytes: Uint8Array;
  /** ANSWERED_BY_… */
  readonly by: number;
}

export class Exchanges {
  /** The query of a plugin's question while it is asked. */
  readonly query = new Query();
  /** Where such a query is written in the slab, and where the answer to one may be written. */
  readonly queryOffset: number;
  readonly answerOffset: number;
  readonly #pool = new SlotPool(EXCHANGE_QUESTIONS_MAX);
  readonly #dones: (Done | null)[] = [];
  #answered: Answered[] = [];
  /** How many exchanges there are of each view. */
  readonly #holdCounts = new Map<View, number>();

  constructor(queryOffset: number, answerOffset: number) {
    this.queryOffset = queryOffset;
    this.answerOffset = answerOffset;
  }

  /** Questions of plugins that wait for an answer. */
  get waitingCount(): number {
    return this.#pool.usedCount;
  }

  /** Views whose plugins may ask again. */
  get heldViews(): Iterable<View> {
    return this.#holdCounts.keys();
  }

  /** Whether there is an exchange of `view`: it may not go yet. */
  holds(view: View): boolean {
    return this.#holdCounts.has(view);
  }

  /** An exchange of `view` begins. */
  begin(view: View): void {
    this.#holdCounts.set(view, (this.#holdCounts.get(view) ?? 0) + 1);
  }

  /** It is over. */
  end(view: View): void {
    const count = this.#holdCounts.get(view)! - 1;
    if (count === 0) this.#holdCounts.delete(view);
    else this.#holdCounts.set(view, count);
  }

  get hasAnswered(): boolean {
    return this.#answered.length > 0;
  }

  /** Keeps `done` for an answer that comes later. @returns its number, or NO_QUESTION. */
  add(done: Done): number {
    const slot = this.#pool.take();
    if (slot < 0) return NO_QUESTION;
    this.#dones[slot] = done;
    return slot;
  }

  /** The question has been answered in another way, or needs no answer. */
  remove(slot: number): void {
    this.#dones[slot] = null;
    this.#pool.release(slot);
  }

  /** The answer to question `slot` has come from `by`; the bytes are kept. */
  deliver(slot: number, bytes: Uint8Array, by: number): void {
    const done = this.#dones[slot];
    this.remove(slot);
    if (done != null) this.#answered.push({ done, bytes, by });
  }

  /** What has been delivered since the last call. */
  takeAnswered(): readonly Answered[] {
    const answered = this.#answered;
    this.#answered = [];
    return answered;
  }
}

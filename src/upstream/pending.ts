// Hot path.
/**
 * Questions that wait for an upstream: one entry per distinct question, however many clients ask.
 *
 * Distinct means view, variant (DO, CD, RD), type, class and folded name, as in the cache. An entry
 * has up to ATTEMPTS_MAX attempts under way; each is known by the channel it left by and the id it
 * carries, so that the reply to an earlier attempt still counts when it comes late.
 *
 * Columns are indexed by the entry's slot; attempts by `slot * ATTEMPTS_MAX + number`.
 */

import { ATTEMPTS_MAX, TIMER_TICK_MS, TIMER_WHEEL_SIZE, UPSTREAMS_MAX } from "../limits.ts";
import { HashIndex, NOT_FOUND } from "../std/hash_index.ts";
import { NO_SLOT, SlotPool } from "../std/slot_pool.ts";
import { TimerWheel } from "../std/timer_wheel.ts";
import type { Query } from "../wire/query.ts";

const NAME_WORDS = 64;
const NO_KEY = -1;
/** Multiplier of MurmurHash3's finaliser: spreads small numbers over all bits. */
const SPREAD = 0x85ebca6b;

export const NO_ATTEMPT = -1;

export class PendingTable {
  readonly timers: TimerWheel;
  readonly views: Uint16Array;
  readonly variants: Uint8Array;
  readonly types: Uint16Array;
  readonly classes: Uint16Array;
  readonly nameLengths: Uint8Array;
  /** The name's own hash, as in `Query.hash`. */
  readonly nameHashes: Int32Array;
  /** The first and the last of the clients that wait. */
  readonly firstWaiters: Int32Array;
  readonly lastWaiters: Int32Array;
  /** Which route of the view it takes. */
  readonly routes: Int32Array;
  /** 1 when the answer is to be kept. */
  readonly cached: Uint8Array;
  /** Bit i: the route's upstream i has been tried. */
  readonly triedBits: Uint16Array;
  readonly attemptCounts: Uint8Array;
  readonly startedMs: Float64Array;
  /** When the next attempt is due, and when clients are given a stale answer; infinity is never. */
  readonly dueMs: Float64Array;
  readonly staleMs: Float64Array;
  /** 1 once clients were given a stale answer: those who come later need not wait. */
  readonly staleGiven: Uint8Array;
  /** 1 once an upstream truncated its answer: from then on by TCP. */
  readonly overTcp: Uint8Array;
  /** 1 once the upstream asked last has refused EDNS: it is asked again without. */
  readonly plain: Uint8Array;
  /** Channel << 16 | id of each attempt, health probes behind them; -1 when it is over. */
  readonly attemptKeys: Int32Array;
  readonly attemptUpstreams: Int16Array;
  readonly attemptSentMs: Float64Array;
  /** 1 when the query of the attempt had an OPT record. */
  readonly attemptHadOpt: Uint8Array;
  /** EDNS options that go upstream with the question, of those entries that have some. */
  readonly options = new Map<number, Uint8Array>();
  readonly #names: Int32Array;
  readonly #hashes: Int32Array;
  readonly #pool: SlotPool;
  readonly #index: HashIndex;
  readonly #attempts: HashIndex;
  readonly #firstProbe: number;

  constructor(capacity: number, nowMs: number) {
    this.timers = new TimerWheel(capacity, TIMER_TICK_MS, TIMER_WHEEL_SIZE, nowMs);
    this.views = new Uint16Array(capacity);
    this.variants = new Uint8Array(capacity);
    this.types = new Uint16Array(capacity);
    this.classes = new Uint16Array(capacity);
    this.nameLengths = new Uint8Array(capacity);
    this.nameHashes = new Int32Array(capacity);
    this.firstWaiters = new Int32Array(capacity);
    this.lastWaiters = new Int32Array(capacity);
    this.routes = new Int32Array(capacity);
    this.cached = new Uint8Array(capacity);
    this.triedBits = new Uint16Array(capacity);
    this.attemptCounts = new Uint8Array(capacity);
    this.startedMs = new Float64Array(capacity);
    this.dueMs = new Float64Array(capacity);
    this.staleMs = new Float64Array(capacity);
    this.staleGiven = new Uint8Array(capacity);
    this.overTcp = new Uint8Array(capacity);
    this.plain = new Uint8Array(capacity);
    this.attemptKeys = new Int32Array(capacity * ATTEMPTS_MAX + UPSTREAMS_MAX).fill(NO_KEY);
    this.attemptUpstreams = new Int16Array(capacity * ATTEMPTS_MAX);
    this.attemptSentMs = new Float64Array(capacity * ATTEMPTS_MAX);
    this.attemptHadOpt = new Uint8Array(capacity * ATTEMPTS_MAX);
    this.#names = new Int32Array(new SharedArrayBuffer(capacity * NAME_WORDS * 4));
    this.#hashes = new Int32Array(capacity);
    this.#pool = new SlotPool(capacity);
    this.#index = new HashIndex(capacity);
    this.#attempts = new HashIndex(capacity * ATTEMPTS_MAX + UPSTREAMS_MAX);
    this.#firstProbe = capacity * ATTEMPTS_MAX;
  }

  get usedCount(): number {
    return this.#pool.usedCount;
  }

  /** The entry for `query`, or NO_SLOT. */
  find(query: Query, view: number, variant: number): number {
    let position = this.#index.first(keyHash(query, view, variant));
    while (position !== NOT_FOUND) {
      const slot = this.#index.value(position);
      if (this.#isSame(slot, query, view, variant)) return slot;
      position = this.#index.next(position);
    }
    return NO_SLOT;
  }

  /**
   * A new entry for `query`, without clients, attempts or timer; NO_SLOT when the table is full.
   */
  open(query: Query, view: number, variant: number, nowMs: number): number {
    const slot = this.#pool.take();
    if (slot === NO_SLOT) return NO_SLOT;
    const hash = keyHash(query, view, variant);
    this.#hashes[slot] = hash;
    this.#index.add(hash, slot);
    this.views[slot] = view;
    this.variants[slot] = variant;
    this.types[slot] = query.type;
    this.classes[slot] = query.class;
    this.nameLengths[slot] = query.nameLength;
    this.nameHashes[slot] = query.hash;
    const words = (query.nameLength + 3) >> 2;
    const base = slot * NAME_WORDS;
    for (let word = 0; word < words; word++) this.#names[base + word] = query.name[word]!;
    this.firstWaiters[slot] = NO_SLOT;
    this.lastWaiters[slot] = NO_SLOT;
    this.triedBits[slot] = 0;
    this.attemptCounts[slot] = 0;
    this.startedMs[slot] = nowMs;
    this.dueMs[slot] = nowMs;
    this.staleMs[slot] = Number.POSITIVE_INFINITY;
    this.staleGiven[slot] = 0;
    this.overTcp[slot] = 0;
    this.plain[slot] = 0;
    return slot;
  }

  /** Begins again by another route. Its attempts must have been ended before. */
  changeRoute(slot: number, route: number): void {
    this.routes[slot] = route;
    this.triedBits[slot] = 0;
    this.attemptCounts[slot] = 0;
    this.overTcp[slot] = 0;
    this.plain[slot] = 0;
  }

  /** Forgets the entry. Its attempts must have been ended before. */
  close(slot: number): void {
    this.timers.cancel(slot);
    this.#index.remove(this.#hashes[slot]!, slot);
    if (this.options.size !== 0) this.options.delete(slot);
    this.#pool.release(slot);
  }

  /** Whether `channel` carries an attempt with this id already. */
  hasAttempt(channel: number, id: number): boolean {
    return this.findAttempt(channel, id) !== NO_ATTEMPT;
  }

  /**
   * The attempt that left by `channel` with `id`, or NO_ATTEMPT. Its entry is attempt /
   * ATTEMPTS_MAX.
   */
  findAttempt(channel: number, id: number): number {
    const key = (channel << 16) | id;
    let position = this.#attempts.first(Math.imul(key, SPREAD));
    while (position !== NOT_FOUND) {
      const attempt = this.#attempts.value(position);
      if (this.attemptKeys[attempt] === key) return attempt;
      position = this.#attempts.next(position);
    }
    return NO_ATTEMPT;
  }

  /** Notes the next attempt of `slot`. There is room: attemptCounts[slot] < ATTEMPTS_MAX. */
  beginAttempt(
    slot: number,
    channel: number,
    id: number,
    upstream: number,
    hadOpt: number,
    nowMs: number,
  ): void {
    const attempt = slot * ATTEMPTS_MAX + this.attemptCounts[slot]!;
    this.attemptUpstreams[attempt] = upstream;
    this.attemptSentMs[attempt] = nowMs;
    this.attemptHadOpt[attempt] = hadOpt;
    this.attemptCounts[slot]! += 1;
    this.#begin(attempt, channel, id);
  }

  /**
   * Notes a health probe of `upstream`, in place of the one before. It is ended like an attempt.
   */
  beginProbe(upstream: number, channel: number, id: number): void {
    this.#begin(this.#firstProbe + upstream, channel, id);
  }

  /** The upstream that `attempt` is a health probe of; -1 when it belongs to a question. */
  probedUpstream(attempt: number): number {
    return attempt < this.#firstProbe ? NO_SLOT : attempt - this.#firstProbe;
  }

  probeOf(upstream: number): number {
    return this.#firstProbe + upstream;
  }

  /** The channel that an attempt which is not over left by. */
  channelOf(attempt: number): number {
    return this.attemptKeys[attempt]! >> 16;
  }

  /**
   * Ends an attempt: a reply to it is a stranger's from now on. @returns its channel, -1 if it was
   * over.
   */
  endAttempt(attempt: number): number {
    const key = this.attemptKeys[attempt]!;
    if (key === NO_KEY) return NO_SLOT;
    this.#attempts.remove(Math.imul(key, SPREAD), attempt);
    this.attemptKeys[attempt] = NO_KEY;
    return key >> 16;
  }

  /** Copies the folded name to word `at` of `target`, zero-padded to a whole word. */
  copyName(slot: number, target: Int32Array, at: number): void {
    const words = (this.nameLengths[slot]! + 3) >> 2;
    const base = slot * NAME_WORDS;
    for (let word = 0; word < words; word++) target[at + word] = this.#names[base + word]!;
  }

  /** Whether the folded name of `words` is that of the entry. */
  hasName(slot: number, name: Int32Array, nameLength: number): boolean {
    if (this.nameLengths[slot] !== nameLength) return false;
    const words = (nameLength + 3) >> 2;
    const base = slot * NAME_WORDS;
    for (let word = 0; word < words; word++) {
      if (this.#names[base + word] !== name[word]) return false;
    }
    return true;
  }

  #begin(attempt: number, channel: number, id: number): void {
    const key = (channel << 16) | id;
    this.attemptKeys[attempt] = key;
    this.#attempts.add(Math.imul(key, SPREAD), attempt);
  }

  #isSame(slot: number, query: Query, view: number, variant: number): boolean {
    return (
      this.types[slot] === query.type &&
      this.classes[slot] === query.class &&
      this.views[slot] === view &&
      this.variants[slot] === variant &&
      this.hasName(slot, query.name, query.nameLength)
    );
  }
}

function keyHash(query: Query, view: number, variant: number): number {
  const rest = (query.type << 16) ^ (query.class << 8) ^ (view << 4) ^ variant;
  return (query.hash ^ Math.imul(rest, SPREAD)) | 0;
}

// Hot path.
/** One `forward` of a server block: which of its upstreams is asked next. */

import {
  type ForwardPlan,
  POLICY_RANDOM,
  POLICY_ROUND_ROBIN,
  POLICY_SEQUENTIAL,
} from "../handoff/plan.ts";
import { ATTEMPTS_MAX } from "../limits.ts";
import type { RandomPool } from "../std/random_pool.ts";
import { RCODE_NOERROR } from "../wire/constants.ts";
import { isBelow, nameToWire } from "../wire/name.ts";
import type { Upstream } from "./upstream.ts";

export const NO_UPSTREAM = -1;
/** In place of a route's number: the question needs none. */
export const NO_ROUTE = -1;

export class Route {
  /** Among all routes of the data plane. */
  readonly number: number;
  readonly forceTcp: boolean;
  /** Index of each upstream in the data plane's list. */
  readonly upstreams: Int16Array;
  /** Questions in flight by this route. */
  inFlightCount = 0;
  /** The last `choose()` found every upstream down. */
  foundNoneUp = false;
  readonly #maxConcurrent: number;
  readonly #failfast: boolean;
  readonly #policy: number;
  readonly #known: readonly Upstream[];
  readonly #random: RandomPool;
  readonly #from: Uint8Array;
  readonly #except: readonly Uint8Array[];
  readonly #failoverBits: number;
  readonly #nextBits: number;
  readonly #nextOnNodata: boolean;
  /** Attempts per question, whichever upstream they go to. */
  readonly attemptsMax: number;
  /** Bit i: upstream i leads back to us. */
  #loopingBits = 0;
  #turn = 0;

  /** @param known all upstreams of the data plane; `upstreams` are indices into it. */
  constructor(
    number: number,
    plan: ForwardPlan,
    upstreams: readonly number[],
    known: readonly Upstream[],
    random: RandomPool,
  ) {
    this.number = number;
    this.forceTcp = plan.forceTcp;
    this.#maxConcurrent = plan.maxConcurrent;
    this.#failfast = plan.failfastAllUnhealthy;
    this.#policy = plan.policy;
    this.upstreams = Int16Array.from(upstreams);
    this.#known = known;
    this.#random = random;
    this.#from = nameToWire(plan.from);
    this.#except = plan.except.map((zone) => nameToWire(zone));
    this.#failoverBits = bitsOf(plan.failoverRcodes);
    this.#nextBits = bitsOf(plan.nextRcodes);
    this.#nextOnNodata = plan.nextOnNodata;
    const { maxConnectAttempts } = plan;
    this.attemptsMax = Math.min(maxConnectAttempts || ATTEMPTS_MAX, ATTEMPTS_MAX);
  }

  /** Whether the folded name is in `from` and in none of `except`. */
  takes(name: Uint8Array, nameLength: number): boolean {
    if (!isBelow(this.#from, name, nameLength)) return false;
    for (let index = 0; index < this.#except.length; index++) {
      if (isBelow(this.#except[index]!, name, nameLength)) return false;
    }
    return true;
  }

  isFull(): boolean {
    return this.#maxConcurrent !== 0 && this.inFlightCount >= this.#maxConcurrent;
  }

  /** Whether `failover` names this rcode. */
  failsOverOn(rcode: number): boolean {
    return rcode < 32 && ((this.#failoverBits >>> rcode) & 1) === 1;
  }

  /** Whether `next` or `next_on_nodata` hands such an answer on to the next route. */
  handsOn(rcode: number, answerCount: number): boolean {
    if (rcode === RCODE_NOERROR) return this.#nextOnNodata && answerCount === 0;
    return rcode < 32 && ((this.#nextBits >>> rcode) & 1) === 1;
  }

  /** Upstream `position` leads back to us, or does no longer: it is not chosen while it does. */
  setLooping(position: number, isLooping: boolean): void {
    const bit = 1 << position;
    this.#loopingBits = isLooping ? this.#loopingBits | bit : this.#loopingBits & ~bit;
  }

  isLooping(position: number): boolean {
    return ((this.#loopingBits >>> position) & 1) === 1;
  }

  /** Whether no upstream is left that does not lead back to us. */
  get isLoop(): boolean {
    return this.#loopingBits === (1 << this.upstreams.length) - 1;
  }

  /** Whether an upstream that is up has not been tried. */
  hasFresh(triedBits: number): boolean {
    for (let position = 0; position < this.upstreams.length; position++) {
      const upstream = this.#known[this.upstreams[position]!]!;
      const isOut = (((triedBits | this.#loopingBits) >>> position) & 1) === 1;
      if (!isOut && !upstream.isDown) return true;
    }
    return false;
  }

  /**
   * Position, in `upstreams`, of the one to ask next: by policy, first among those that are up and
   * not yet tried for this question, then among those not yet tried, then among all.
   *
   * @param triedBits bit i is set when position i was tried.
   * @returns NO_UPSTREAM when all are down and the route is to fail fast, or all lead back to us.
   */
  choose(triedBits: number): number {
    const count = this.upstreams.length;
    const start = count === 1 ? 0 : this.#start(count);
    let untried = NO_UPSTREAM;
    let up = NO_UPSTREAM;
    let any = NO_UPSTREAM;
    for (let step = 0; step < count; step++) {
      const position = (start + step) % count;
      if (this.isLooping(position)) continue;
      const isUp = !this.#known[this.upstreams[position]!]!.isDown;
      const isFresh = ((triedBits >>> position) & 1) === 0;
      if (isUp && isFresh) {
        this.foundNoneUp = false;
        return position;
      }
      if (any === NO_UPSTREAM) any = position;
      if (isFresh && untried === NO_UPSTREAM) untried = position;
      if (isUp && up === NO_UPSTREAM) up = position;
    }
    this.foundNoneUp = up === NO_UPSTREAM;
    if (up !== NO_UPSTREAM) return up;
    if (this.#failfast || any === NO_UPSTREAM) return NO_UPSTREAM;
    return untried === NO_UPSTREAM ? any : untried;
  }

  #start(count: number): number {
    switch (this.#policy) {
      case POLICY_RANDOM:
        return this.#random.below(count);
      case POLICY_ROUND_ROBIN:
        this.#turn = (this.#turn + 1) % count;
        return this.#turn;
      case POLICY_SEQUENTIAL:
        return 0;
      default:
        throw new RangeError("Cannot choose an upstream: unknown policy");
    }
  }
}

/** Cold: at start. */
function bitsOf(rcodes: readonly number[]): number {
  return rcodes.reduce((bits, rcode) => bits | (1 << rcode), 0);
}

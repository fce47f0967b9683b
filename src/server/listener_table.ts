/**
 * The sockets that clients send to, in numbered places that stay theirs over changes of the plan.
 *
 * A listener that the plan does not name any more *leaves*: nothing new comes to it, and it goes
 * when whoever has asked by it must have been answered.
 */

import type { ListenerPlan } from "../handoff/plan.ts";
import { LISTENERS_MAX } from "../limits.ts";
import { ZoneRouter } from "./zone_router.ts";

export const NO_LISTENER = -1;
const NOT_LEAVING = Number.POSITIVE_INFINITY;

export class ListenerTable {
  /** UDP and TCP descriptors, by listener; -1 where there is none. */
  readonly udpFds = new Int32Array(LISTENERS_MAX).fill(-1);
  readonly tcpFds = new Int32Array(LISTENERS_MAX).fill(-1);
  readonly ports = new Int32Array(LISTENERS_MAX);
  /** Time-outs of connections, ms; see `TimeoutsPlan`. */
  readonly readMs = new Float64Array(LISTENERS_MAX);
  readonly writeMs = new Float64Array(LISTENERS_MAX);
  readonly idleMs = new Float64Array(LISTENERS_MAX);
  /** As their plans have them. */
  readonly addresses: string[] = new Array<string>(LISTENERS_MAX).fill("");
  /** When each listener last had datagrams. */
  readonly lastReceivedMs = new Float64Array(LISTENERS_MAX).fill(Number.NEGATIVE_INFINITY);
  /** Which view a name belongs to, by listener. */
  readonly routers: ZoneRouter[] = [];
  /** The scope of what no zone takes, by listener. */
  readonly droppedScopes = new Int32Array(LISTENERS_MAX);
  /** Those that the plan names, in its order. */
  active: number[] = [];
  /** What each listener is, as `keyOf` says; empty where there is none. */
  readonly #keys: string[] = new Array<string>(LISTENERS_MAX).fill("");
  /** Since when it is leaving. */
  readonly #leavingMs = new Float64Array(LISTENERS_MAX).fill(NOT_LEAVING);

  /** Exchanges whose clients have asked by it: they may take longer than a question. */
  readonly #holdCounts = new Int32Array(LISTENERS_MAX);

  constructor() {
    const nowhere = new ZoneRouter([]);
    for (let listener = 0; listener < LISTENERS_MAX; listener++) this.routers.push(nowhere);
  }

  /** The listener that is what `plan` says, and not leaving; or NO_LISTENER. */
  find(plan: ListenerPlan): number {
    const key = keyOf(plan, plan.port);
    return this.active.find((listener) => this.#keys[listener] === key) ?? NO_LISTENER;
  }

  /** A free place, or NO_LISTENER. */
  free(): number {
    return this.#keys.indexOf("");
  }

  /** Notes the sockets of a new listener, with the port they got. */
  open(listener: number, plan: ListenerPlan, port: number, udp: number, tcp: number): void {
    this.#keys[listener] = keyOf(plan, port);
    this.udpFds[listener] = udp;
    this.tcpFds[listener] = tcp;
    this.ports[listener] = port;
    this.addresses[listener] = plan.address;
    this.lastReceivedMs[listener] = Number.NEGATIVE_INFINITY;
    this.#leavingMs[listener] = NOT_LEAVING;
  }

  /** Those that are leaving. */
  get leaving(): number[] {
    const all = Array.from(this.#leavingMs.keys());
    return all.filter((listener) => this.#leavingMs[listener] !== NOT_LEAVING);
  }

  leave(listener: number, nowMs: number): void {
    this.#leavingMs[listener] = nowMs;
  }

  /** It stays until `release`, though it be leaving. */
  hold(listener: number): void {
    this.#holdCounts[listener]! += 1;
  }

  release(listener: number): void {
    this.#holdCounts[listener]! -= 1;
  }

  /** Leaving listeners with the address and port of `listener`. */
  leavingTwins(listener: number): number[] {
    const placeOf = (one: number) => this.#keys[one]!.split(" ").slice(0, 2).join(" ");
    const place = placeOf(listener);
    return this.leaving.filter((other) => placeOf(other) === place);
  }

  /** Whether an exchange needs it. */
  isHeld(listener: number): boolean {
    return this.#holdCounts[listener] !== 0;
  }

  /** How long it has been leaving; negative infinity when it is not. */
  leavingForMs(listener: number, nowMs: number): number {
    return nowMs - this.#leavingMs[listener]!;
  }

  /** Its sockets are closed by the caller. */
  forget(listener: number): void {
    this.#keys[listener] = "";
    this.udpFds[listener] = -1;
    this.tcpFds[listener] = -1;
    this.#leavingMs[listener] = NOT_LEAVING;
  }
}

/** A private listener has any port; of all others, the port is part of what they are. */
function keyOf({ address, isTransparent, isPrivate }: ListenerPlan, port: number): string {
  return `${address} ${isPrivate ? "private" : port} ${isTransparent}`;
}

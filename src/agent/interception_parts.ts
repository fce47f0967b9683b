/** What interception is put together from, and what it tells: see interception.ts, take_over.ts. */

import type { Lease, SetupErrorType } from "../net/lease.ts";
import type { Rule } from "../net/rule.ts";
import type { LeaseKind } from "../net/settings.ts";
import type { ProbeResult } from "./probe.ts";

export interface InterceptionParts {
  /** Gets the lease; throws NetError. Called until it has succeeded. */
  readonly openLease: () => Promise<Lease>;
  /** The rules that should be there with a lease of that kind, as far as is known at once. */
  readonly desiredRules: (kind: LeaseKind) => readonly Rule[];
  /** Looks again at what they depend on, which may take seconds. Never rejects. */
  readonly refresh: () => Promise<void>;
  /** Makes it so; throws NetError. @returns how many were added or removed. */
  readonly applyRules: (desired: readonly Rule[]) => Promise<number>;
  /** Removes all of them. @param keep those that stay. */
  readonly removeRules: (keep: readonly Rule[]) => Promise<void>;
  /** Of `desired`, what stays after a clean stop. */
  readonly keptRules: (desired: readonly Rule[]) => readonly Rule[];
  /** Whether links or rules may have changed since the last call. Cheap. */
  readonly pollChanges: () => { readonly links: boolean; readonly rules: boolean };
  /** Why workers or upstreams cannot answer yet; null when they can. */
  readonly proveWorkers: () => Promise<string | null>;
  /** Asks who answers at one of the addresses. */
  readonly probeAddress: (address: string, sourceCount: number) => Promise<ProbeResult>;
  /** Whether another process of this node answers there as well: strangers are no wonder then. */
  readonly isShared: (address: string) => boolean;
  /** Queries of clients so far, to tell silence from overload. */
  readonly queryCount: () => number;
  readonly nowMs: () => number;
  readonly events: InterceptionEvents;
}

/** What people and dashboards get to know. */
export interface InterceptionEvents {
  info(text: string): void;
  warn(text: string): void;
  /** Something could not be done: counted by type, and said unless it has been said before. */
  failed(type: SetupErrorType, text: string | null): void;
  changed(change: "taken" | "dropped" | "mended", kind: LeaseKind): void;
}

export interface InterceptionOptions {
  readonly addresses: readonly string[];
  /** Between full checks without any sign of a change. */
  readonly syncIntervalMs: number;
  readonly skipTeardown: boolean;
  /** False where somebody else brings queries to us, by ways that need not hold for the node. */
  readonly setupInterface: boolean;
}

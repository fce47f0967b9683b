/** The lease: what holds the addresses, and lets go of them when the process is gone. */

import type { LeaseKind } from "./settings.ts";

/**
 * One way to hold the addresses. Made in the order: `open`, `take`, then any number of `drop` and
 * `take`, and `close`. All may be called again; what is done already is left alone.
 */
export interface Lease {
  readonly kind: LeaseKind;

  /**
   * Gets what the lease needs (a device, a socket), without any effect on traffic.
   *
   * @throws {NetError} when this kind of lease cannot be had here; the message says why.
   */
  open(): Promise<void>;

  /**
   * From now on queries for the addresses come to us. Also mends what others have taken away.
   *
   * @throws {NetError}
   */
  take(): Promise<void>;

  /**
   * From now on queries go where they went before us. What matters happens before the first
   * `await`, so that it works with an event loop that is about to end. Never throws.
   */
  drop(): Promise<void>;

  /** Whether everything that `take` made is still there. Cheap. */
  isWhole(): Promise<boolean>;

  /** Whether another instance holds the addresses, as well as us or after our `drop`. */
  isHeldByOthers(): boolean;

  /** Gives everything back, the link included unless another instance holds it. Never throws. */
  close(): Promise<void>;
}

/** A failure of interception, of the kind that the metric of node-cache counts. */
export class NetError extends Error {
  override readonly name = "NetError";
  readonly errorType: SetupErrorType;

  constructor(errorType: SetupErrorType, message: string, options?: ErrorOptions) {
    super(message, options);
    this.errorType = errorType;
  }
}

/** Label `errortype` of `coredns_nodecache_setup_errors_total`: those of node-cache. */
export const SETUP_ERROR_TYPES = [
  "iptables",
  "iptables_lock",
  "interface_add",
  "interface_check",
  "configmap",
] as const;

export type SetupErrorType = (typeof SETUP_ERROR_TYPES)[number];

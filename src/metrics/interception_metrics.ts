/**
 * What is counted of interception. The first keeps name, labels and meaning of node-cache, for the
 * alerts that people have.
 */

import type { Registry } from "./registry.ts";

export interface InterceptionMetrics {
  /** One more failure to set up the network, or to write the configuration. */
  countSetupError(errorType: string): void;
  /** The kind of lease in force; null is none. */
  setLease(kind: string | null): void;
  /** Whether queries for the addresses come to us. */
  setIntercepting(isIntercepting: boolean): void;
  countChange(change: InterceptionChange): void;
}

/** The addresses came to us, went back, or what others took away of them was put back. */
export type InterceptionChange = "taken" | "dropped" | "mended";

const CHANGES: readonly InterceptionChange[] = ["taken", "dropped", "mended"];

/**
 * Makes the metrics, all of them visible from the start: an alert on an increase needs the zero.
 *
 * @param errorTypes every value that label `errortype` can have.
 */
export function interceptionMetrics(
  registry: Registry,
  errorTypes: readonly string[],
): InterceptionMetrics {
  const errors = registry.counter({
    name: "coredns_nodecache_setup_errors_total",
    help: "The number of errors during periodic network setup for node-cache",
    labels: ["errortype"],
  });
  const lease = registry.gauge({
    name: "nodens_lease_info",
    help: "Kind of the lease that holds the intercepted addresses, always 1",
    labels: ["kind"],
  });
  const intercepting = registry.gauge({
    name: "nodens_intercepting",
    help: "Whether queries for the intercepted addresses come to this process",
  });
  const changes = registry.counter({
    name: "nodens_interception_changes_total",
    help: "How often the addresses were taken, dropped, and mended after others changed something",
    labels: ["change"],
  });
  for (const errorType of errorTypes) errors.add({ errortype: errorType }, 0);
  for (const change of CHANGES) changes.add({ change }, 0);
  intercepting.set(0);
  return {
    countSetupError: (errorType) => errors.add({ errortype: errorType }),
    setLease: (kind) => {
      lease.clear();
      if (kind !== null) lease.set(1, { kind });
    },
    setIntercepting: (isIntercepting) => intercepting.set(isIntercepting ? 1 : 0),
    countChange: (change) => changes.add({ change }),
  };
}

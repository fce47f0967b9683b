/** What the server serves beside DNS: plain values, compiled from a checked configuration. */

import type { ReadySettings } from "../plugins/ready/setup.ts";
import type { Config } from "./config.ts";

export interface HealthService {
  readonly address: string;
  /** From the signal to stop until the stop begins. */
  readonly lameduckMs: number;
}

/** HTTP services, each with the addresses that server blocks name. */
export interface Services {
  readonly prometheus: readonly string[];
  readonly health: readonly HealthService[];
  readonly ready: readonly ReadySettings[];
  readonly pprof: readonly string[];
}

export const NO_SERVICES: Services = { prometheus: [], health: [], ready: [], pprof: [] };

/** An address that several blocks name for the same service counts once, the first of them. */
export function compileServices({ servers }: Config): Services {
  const plugins = servers.map((server) => server.plugins);
  return {
    prometheus: byAddress(plugins.flatMap(({ prometheus }) => prometheus ?? [])).map(addressOf),
    health: byAddress(plugins.flatMap(({ health }) => health ?? [])),
    ready: byAddress(plugins.flatMap(({ ready }) => ready ?? [])),
    pprof: byAddress(plugins.flatMap(({ pprof }) => pprof ?? [])).map(addressOf),
  };
}

export function hasServices({ prometheus, health, ready, pprof }: Services): boolean {
  return prometheus.length + health.length + ready.length + pprof.length > 0;
}

/** The longest of all. */
export function lameduckMs({ health }: Services): number {
  return health.reduce((longest, service) => Math.max(longest, service.lameduckMs), 0);
}

interface Addressed {
  readonly address: string;
}

function addressOf({ address }: Addressed): string {
  return address;
}

function byAddress<Service extends Addressed>(services: readonly Service[]): Service[] {
  const first = new Map<string, Service>();
  for (const service of services) {
    if (!first.has(service.address)) first.set(service.address, service);
  }
  return [...first.values()];
}

/**
 * Remembers where addresses without a Service lead while they are not ours (net/fallback.ts).
 *
 * Endpoints that were good once are kept until there are others: they are needed just when what
 * tells of them (the API server's Services, kube-dns) is gone.
 */

import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { loggerOf } from "../log/logger.ts";
import type { ClusterUpstreams } from "../net/cluster_upstreams.ts";
import { findFallback, isLinkLocal } from "../net/fallback.ts";
import { type Endpoint, familyOfAddress, type InterceptSettings } from "../net/settings.ts";
import { systemCommands } from "../sys/commands.ts";

const RESOLVE = { timeout: 1000, tries: 2 };

export interface FallbackKeeperOptions {
  readonly settings: InterceptSettings;
  /** Of the plan in effect. */
  readonly cluster: () => ClusterUpstreams;
  /** Where our workers can be asked on loopback. */
  readonly privatePorts: () => readonly number[];
}

export class FallbackKeeper {
  readonly #options: FallbackKeeperOptions;
  readonly #endpoints = new Map<string, readonly Endpoint[]>();
  #lastNotes = "";
  #isKnown = false;

  constructor(options: FallbackKeeperOptions) {
    this.#options = options;
    const { addresses, fallback } = options.settings;
    // No need to look anything up, and so no time at start without it.
    for (const address of addresses.filter(isLinkLocal)) {
      const fitting = fallback.filter(
        (endpoint) => familyOfAddress(endpoint.address) === familyOfAddress(address),
      );
      if (fitting.length > 0) this.#endpoints.set(address, fitting);
    }
  }

  /** By address; addresses without any are left out. */
  get endpoints(): ReadonlyMap<string, readonly Endpoint[]> {
    return this.#endpoints;
  }

  /** Whether `refresh` has looked at least once. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Looks again. Never rejects. */
  async refresh(): Promise<void> {
    const { settings, cluster } = this.#options;
    const found = await findFallback({
      settings,
      clusterUpstreams: cluster().upstreams,
      commands: systemCommands,
      readFile,
      resolve: (name) => this.#resolve(name),
    });
    for (const [address, endpoints] of found.endpointsByAddress) {
      this.#endpoints.set(address, endpoints);
    }
    this.#isKnown = true;
    const notes = found.notes.join("; ");
    if (notes !== this.#lastNotes) {
      for (const text of found.notes) loggerOf("intercept").warn("{text}", { text });
    }
    this.#lastNotes = notes;
  }

  /** By ourselves, who know the cluster's names, and not by whatever the node is set up to ask. */
  async #resolve(name: string): Promise<string[]> {
    const [port] = this.#options.privatePorts();
    if (port === undefined) return [];
    const resolver = new Resolver(RESOLVE);
    resolver.setServers([`127.0.0.1:${port}`]);
    const results = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    return results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  }
}

function readFile(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/**
 * The HTTP services of a configuration: `prometheus`, `health`, `ready`, `pprof`. Services that
 * name the same address share one server there; a change of the configuration leaves the servers
 * alone whose addresses stay.
 */

import type { Services } from "../config/services.ts";
import { loggerOf } from "../log/logger.ts";
import { type HttpAnswer, type HttpHandler, HttpServer } from "../metrics/http_server.ts";
import { CONTENT_TYPE, type Registry } from "../metrics/registry.ts";
import { HealthPoll, type HealthPollEvents } from "./health_poll.ts";
import type { Readiness } from "./readiness.ts";

/** A worker that has not gone round its loop for so long hangs. */
const HEARTBEAT_MS_MAX = 5000;
/** CoreDNS' `SlimTimeBuckets`. */
const POLL_BOUNDS: readonly number[] = [0.00025, 0.0025, 0.025, 0.25, 2.5];

export interface HttpServicesParts {
  readonly registry: Registry;
  /** How long ago the worker that is behind most went round its loop; 0 without workers. */
  readonly heartbeatAgeMs: () => number;
  readonly readiness: Pick<Readiness, "isLeaving" | "missing">;
}

export class HttpServices {
  readonly #parts: HttpServicesParts;
  /** By address. */
  readonly #servers = new Map<string, HttpServer>();
  readonly #polls = new Map<string, HealthPoll>();
  readonly #events: HealthPollEvents;
  readonly #logger = loggerOf("http");
  #wasReady = false;

  constructor(parts: HttpServicesParts) {
    this.#parts = parts;
    this.#events = pollMetrics(parts.registry);
  }

  /** Serves `services`, and nothing else any more. */
  async apply(services: Services): Promise<void> {
    const wanted = await this.#routesOf(services);
    const closed: Promise<void>[] = [];
    for (const [address, server] of this.#servers) {
      if (wanted.has(address)) continue;
      this.#servers.delete(address);
      closed.push(server.close());
    }
    for (const [address, { what, routes }] of wanted) {
      const server = this.#servers.get(address);
      if (server === undefined) this.#servers.set(address, this.#open(address, what, routes));
      else Object.assign(server, { what, routes });
    }
    this.#pollAt(services.health.map(({ address }) => address));
    await Promise.all(closed);
  }

  /** The port of the server at `address`, as settings write it; null while there is none. */
  portOf(address: string): number | null {
    return this.#servers.get(address)?.port ?? null;
  }

  async stop(): Promise<void> {
    this.#pollAt([]);
    const servers = [...this.#servers.values()];
    this.#servers.clear();
    await Promise.all(servers.map((server) => server.close()));
  }

  #open(address: string, what: string, routes: Readonly<Record<string, HttpHandler>>): HttpServer {
    return new HttpServer({
      ...{ address, what, routes },
      onProblem: (text) => this.#logger.warn("{text}", { text }),
    });
  }

  async #routesOf(services: Services) {
    const places = new Map<string, { what: string; routes: Record<string, HttpHandler> }>();
    const add = (address: string, what: string, routes: Readonly<Record<string, HttpHandler>>) => {
      const place = places.get(address) ?? { what: "", routes: {} };
      place.what = place.what === "" ? what : `${place.what} and ${what}`;
      Object.assign(place.routes, routes);
      places.set(address, place);
    };
    for (const address of services.prometheus) {
      add(address, "metrics", { "/metrics": () => this.#metrics() });
    }
    for (const { address } of services.health) {
      add(address, "health", { "/health": () => this.#health() });
    }
    for (const { address, monitor } of services.ready) {
      const isContinuous = monitor === "continuously";
      add(address, "readiness", { "/ready": () => this.#ready(isContinuous) });
    }
    if (services.pprof.length > 0) {
      const { PROFILE_ROUTES } = await import("./profiles.ts");
      for (const address of services.pprof) add(address, "profiles", PROFILE_ROUTES);
    }
    return places;
  }

  #metrics(): HttpAnswer {
    const body = this.#parts.registry.text();
    return { status: 200, body, contentType: CONTENT_TYPE, isLong: true };
  }

  #health(): HttpAnswer {
    const isWell = this.#parts.heartbeatAgeMs() < HEARTBEAT_MS_MAX;
    return isWell ? { status: 200, body: "OK" } : { status: 503, body: "a worker hangs" };
  }

  #ready(isContinuous: boolean): HttpAnswer {
    const { readiness } = this.#parts;
    const isForgiven = this.#wasReady && !isContinuous && !readiness.isLeaving;
    const missing = isForgiven ? [] : readiness.missing();
    if (missing.length > 0) return { status: 503, body: missing.join(",") };
    this.#wasReady = true;
    return { status: 200, body: "OK" };
  }

  #pollAt(addresses: readonly string[]): void {
    for (const [address, poll] of this.#polls) {
      if (addresses.includes(address)) continue;
      poll.stop();
      this.#polls.delete(address);
    }
    for (const address of addresses) {
      if (this.#polls.has(address)) continue;
      const port = () => this.portOf(address);
      this.#polls.set(address, new HealthPoll(address, port, this.#events));
    }
  }
}

function pollMetrics(registry: Registry): HealthPollEvents {
  const times = registry.histogram(
    {
      name: "coredns_health_request_duration_seconds",
      help: "Histogram of the time (in seconds) each request took.",
    },
    POLL_BOUNDS,
  );
  const failures = registry.counter({
    name: "coredns_health_request_failures_total",
    help: "The number of times the health check failed.",
  });
  failures.add({}, 0);
  return {
    asked: (durationSec, isAnswered) => {
      times.observe(durationSec);
      if (!isAnswered) failures.add();
    },
  };
}

/**
 * What the server serves beside DNS, as far as the configuration asks for it. HTTP and all that is
 * behind it are loaded when they are first asked for: a plain Corefile does not pay for them.
 */

import type { Config } from "../config/config.ts";
import { compileServices, hasServices, lameduckMs } from "../config/services.ts";
import type { Plan } from "../handoff/plan.ts";
import { loggerOf } from "../log/logger.ts";
import type { HttpServices } from "./http_services.ts";
import type { Readiness } from "./readiness.ts";
import type { ServerMetrics, ServerMetricsParts } from "./server_metrics.ts";

export interface ServerServicesParts extends ServerMetricsParts {
  readonly readiness: Readiness;
}

interface Loaded {
  readonly metrics: ServerMetrics;
  readonly http: HttpServices;
}

export class ServerServices {
  readonly #parts: ServerServicesParts;
  #loaded: Loaded | null = null;
  #lameduckMs = 0;

  constructor(parts: ServerServicesParts) {
    this.#parts = parts;
  }

  /**
   * Serves what `config` asks for. To be called with every plan that takes effect. Never rejects.
   */
  async apply(config: Config, plan: Plan): Promise<void> {
    const services = compileServices(config);
    this.#lameduckMs = lameduckMs(services);
    if (!hasServices(services) && this.#loaded === null) return;
    try {
      this.#loaded ??= await this.#load();
      this.#loaded.metrics.apply(config, plan);
      await this.#loaded.http.apply(services);
    } catch (error) {
      const text = `Cannot serve HTTP: ${(error as Error).message}`;
      loggerOf("http").error("{text}", { text });
    }
  }

  /**
   * Waits for a signal, and then for as long as `lameduck` says, with everything served as before,
   * but not "ready". @returns the signal.
   */
  async lameduckAfter(stopped: Promise<string>): Promise<string> {
    const signal = await stopped;
    this.#parts.readiness.leave();
    if (this.#lameduckMs === 0) return signal;
    const text = `plugin/health: Going into lameduck mode for ${this.#lameduckMs / 1000}s`;
    loggerOf("agent").info("{text}", { text });
    await new Promise((resolve) => setTimeout(resolve, this.#lameduckMs));
    return signal;
  }

  async stop(): Promise<void> {
    await this.#loaded?.http.stop();
  }

  async #load(): Promise<Loaded> {
    const [{ ServerMetrics }, { HttpServices }] = await Promise.all([
      import("./server_metrics.ts"),
      import("./http_services.ts"),
    ]);
    const metrics = new ServerMetrics(this.#parts);
    const http = new HttpServices({
      registry: metrics.registry,
      heartbeatAgeMs: () => this.#parts.dataPlane.heartbeatAgeMs(),
      readiness: this.#parts.readiness,
    });
    return { metrics, http };
  }
}

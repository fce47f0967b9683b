/**
 * The process asks itself over HTTP whether it is well, once a second, and counts how long it
 * takes.
 */

import { Agent, get } from "node:http";
import { parseListenAddress } from "../plugins/listen_address.ts";

const POLL_MS = 1000;
const TIMEOUT_MS = 3000;
const LOOPBACK = "127.0.0.1";

export interface HealthPollEvents {
  /** @param isAnswered false when it was not, in time. */
  asked(durationSec: number, isAnswered: boolean): void;
}

export class HealthPoll {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #events: HealthPollEvents;
  #isAsking = false;

  /**
   * @param address of the service.
   * @param port that it has there; null while it cannot be had.
   */
  constructor(address: string, port: () => number | null, events: HealthPollEvents) {
    this.#events = events;
    this.#timer = setInterval(() => this.#ask(address, port()), POLL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  #ask(address: string, port: number | null): void {
    const place = parseListenAddress(address);
    if (this.#isAsking || place === null) return;
    if (port === null) {
      this.#events.asked(0, false);
      return;
    }
    this.#isAsking = true;
    const isAnywhere = ["", "localhost", "0.0.0.0", "::"].includes(place.host);
    const startedMs = performance.now();
    const finish = (isAnswered: boolean) => {
      if (!this.#isAsking) return;
      this.#isAsking = false;
      this.#events.asked((performance.now() - startedMs) / 1000, isAnswered);
    };
    const request = get({
      host: isAnywhere ? LOOPBACK : place.host,
      port,
      path: "/health",
      agent: this.#agent,
      timeout: TIMEOUT_MS,
    });
    request.on("socket", (socket) => socket.unref());
    request.on("timeout", () => request.destroy());
    request.on("error", () => finish(false));
    request.on("response", (response) => {
      response.resume();
      response.on("end", () => finish(true));
      response.on("error", () => finish(false));
    });
  }
}

/**
 * What systemd hears of us while we run as its service (sd_notify(3)): that we are ready, reload,
 * stop, and are alive.
 *
 * Loaded only where there is somebody to hear it. What cannot be told is logged once, and is never
 * a reason not to serve.
 */

import process from "node:process";
import { loggerOf } from "../log/logger.ts";
import type { ControlKernel } from "../sys/control_kernel.ts";
import { errnoName } from "../sys/errno.ts";
import { NOTIFY_SLAB_BYTES, NotifySocket } from "../sys/notify_socket.ts";
import { openControlKernel } from "../sys/open_kernel.ts";
import type { Readiness } from "./readiness.ts";

export interface ServiceNoticeParts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readiness: Readiness;
  /** Age of the oldest sign of life of a worker. */
  readonly heartbeatAgeMs: () => number;
  /** Where queries are answered, for people: `169.254.20.10:53`. */
  readonly where: string;
  readonly kernel?: ControlKernel;
}

export class ServiceNotice {
  readonly #parts: ServiceNoticeParts;
  readonly #kernel: ControlKernel;
  readonly #socket: NotifySocket;
  #watchdog: NodeJS.Timeout | null = null;
  /** READY=1 has been sent: what is missing later is a matter of the status. */
  #hasBeenReady = false;
  #reloadCount = 0;
  #hasFailed = false;

  /** Follows `readiness` from now on. @param path that of NOTIFY_SOCKET. */
  constructor(path: string, parts: ServiceNoticeParts) {
    this.#parts = parts;
    this.#kernel = parts.kernel ?? openControlKernel(NOTIFY_SLAB_BYTES);
    this.#socket = new NotifySocket(this.#kernel, path);
    this.#startWatchdog();
    parts.readiness.follow((missing) => this.#tell(missing));
  }

  /** Somebody has asked for a look at the configuration. */
  reloading(): void {
    this.#reloadCount += 1;
    if (!this.#hasBeenReady) return;
    // Type=notify-reload wants to know that this is not an answer to an earlier request.
    this.#send(["RELOADING=1", `MONOTONIC_USEC=${this.#kernel.bootMonotonicUs()}`]);
  }

  /** That look has ended, one way or the other. */
  reloaded(): void {
    this.#reloadCount -= 1;
    if (this.#hasBeenReady && this.#reloadCount === 0) this.#send(["READY=1"]);
  }

  #tell(missing: readonly string[]): void {
    const { readiness, where } = this.#parts;
    if (readiness.isLeaving) {
      if (this.#watchdog !== null) clearInterval(this.#watchdog);
      this.#send(["STOPPING=1", "STATUS=Stopping: the addresses are given back"]);
    } else if (missing.length > 0) {
      this.#send([`STATUS=Not ready: without ${missing.join(" and ")}`]);
    } else {
      const isFirst = !this.#hasBeenReady;
      this.#hasBeenReady = true;
      this.#send([...(isFirst ? ["READY=1"] : []), `STATUS=Ready: answers on ${where}`]);
    }
  }

  /**
   * Says that we are alive twice as often as it must be heard, and only while workers are: they
   * answer queries, and this thread could go on without them for ever.
   */
  #startWatchdog(): void {
    const { environment, heartbeatAgeMs } = this.#parts;
    const watchdogMs = Number(environment.WATCHDOG_USEC ?? "") / 1000;
    const pid = environment.WATCHDOG_PID;
    const isForUs = pid === undefined || pid === "" || Number(pid) === process.pid;
    if (!isForUs || !(watchdogMs >= 1)) return;
    const timer = setInterval(() => {
      if (heartbeatAgeMs() < watchdogMs / 2) this.#send(["WATCHDOG=1"]);
    }, watchdogMs / 2);
    this.#watchdog = timer.unref();
  }

  #send(lines: readonly string[]): void {
    const code = this.#socket.send(lines);
    if (code >= 0 || this.#hasFailed) return;
    this.#hasFailed = true;
    const text = `Cannot tell the service manager "${lines[0]}", NOTIFY_SOCKET: ${errnoName(-code)}`;
    loggerOf("agent").warn("{text}", { text });
  }
}

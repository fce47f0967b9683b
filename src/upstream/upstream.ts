/**
 * One upstream server as we know it: its address, its health and how fast it answers.
 *
 * Health follows CoreDNS: an upstream is down after more than `maxFails` failures in a row, is then
 * probed every `intervalMs`, and is up again with the first message that can be read as a reply.
 */

import type { HealthCheckPlan } from "../handoff/plan.ts";
import { ATTEMPT_TIMEOUT_MS_MAX, ATTEMPT_TIMEOUT_MS_MIN } from "../limits.ts";

/** A new sample counts a fifth: some ten answers to follow a change. */
const ROUND_TRIP_WEIGHT = 0.2;
/** A reply later than this many average round trips is thought to be lost. */
const ROUND_TRIPS_PER_TIMEOUT = 8;
/** How long an upstream that answered FORMERR to EDNS is asked without it (RFC 6891 §6.2.2). */
const PLAIN_MS = 600_000;

export interface UpstreamSettings {
  readonly address: string;
  readonly port: number;
  readonly forceTcp: boolean;
  /** 0 is never down. */
  readonly maxFails: number;
  /** Idle TCP connections are closed after this. */
  readonly expireMs: number;
  readonly healthCheck: HealthCheckPlan;
}

export class Upstream {
  readonly settings: UpstreamSettings;
  /** `192.0.2.1:53`, `[2001:db8::1]:53`. */
  readonly name: string;
  /** The same as bytes, for records. */
  readonly nameBytes: Uint8Array;
  /** Where it is counted, see handoff/metrics_memory.ts. */
  metricsRow = 0;
  /** Failures in a row. */
  failCount = 0;
  nextProbeMs = 0;
  /** When the last health probe was sent. */
  probeSentMs = 0;
  #roundTripMs = ATTEMPT_TIMEOUT_MS_MIN / ROUND_TRIPS_PER_TIMEOUT;
  #plainUntilMs = Number.NEGATIVE_INFINITY;

  constructor(settings: UpstreamSettings) {
    const { address, port } = settings;
    this.settings = settings;
    this.name = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    this.nameBytes = new TextEncoder().encode(this.name);
  }

  get isDown(): boolean {
    return this.settings.maxFails > 0 && this.failCount > this.settings.maxFails;
  }

  /** How long to wait for a reply before the next attempt. Doubles with each attempt before it. */
  attemptTimeoutMs(attemptsBefore: number): number {
    const usual = this.#roundTripMs * ROUND_TRIPS_PER_TIMEOUT;
    const bounded = Math.min(Math.max(usual, ATTEMPT_TIMEOUT_MS_MIN), ATTEMPT_TIMEOUT_MS_MAX);
    return Math.min(bounded * 2 ** attemptsBefore, ATTEMPT_TIMEOUT_MS_MAX);
  }

  /** A reply came, `roundTripMs` after its query. @returns true when the upstream was down. */
  noteReply(roundTripMs: number): boolean {
    const wasDown = this.isDown;
    this.failCount = 0;
    this.#roundTripMs += (roundTripMs - this.#roundTripMs) * ROUND_TRIP_WEIGHT;
    return wasDown;
  }

  /** A health probe was answered. @returns true when the upstream was down. */
  noteAlive(): boolean {
    const wasDown = this.isDown;
    this.failCount = 0;
    return wasDown;
  }

  /**
   * No reply in time, or the network says there will be none. @returns true when it goes down now.
   */
  noteFailure(nowMs: number): boolean {
    const wasDown = this.isDown;
    if (this.failCount === 0) this.nextProbeMs = nowMs + this.settings.healthCheck.intervalMs;
    this.failCount += 1;
    return !wasDown && this.isDown;
  }

  /** Whether a health probe is due; the next one is due an interval later. */
  isProbeDue(nowMs: number): boolean {
    if (this.failCount === 0 || nowMs < this.nextProbeMs) return false;
    this.nextProbeMs = nowMs + this.settings.healthCheck.intervalMs;
    return true;
  }

  /** Whether to send an OPT record. */
  speaksEdns(nowMs: number): boolean {
    return nowMs >= this.#plainUntilMs;
  }

  noteNoEdns(nowMs: number): void {
    this.#plainUntilMs = nowMs + PLAIN_MS;
  }
}

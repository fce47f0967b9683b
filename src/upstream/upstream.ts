/**
 * One upstream server as we know it: its address, its health and how fast it answers.
 *
 * Health follows CoreDNS: an upstream is down after more than `maxFails` failures in a row, is then
 * probed every `intervalMs`, and is up again with the first message that can be read as a reply.
 */

import {
  FORWARD_DEFAULTS,
  type ForwardPlan,
  type HealthCheckPlan,
  type TlsPlan,
} from "../handoff/plan.ts";
import {
  ATTEMPT_TIMEOUT_MS_MAX,
  ATTEMPT_TIMEOUT_MS_MIN,
  TCP_CHANNEL_AGE_MS_MAX,
  TCP_CHANNELS_PER_UPSTREAM,
  UDP_CHANNEL_AGE_MS_MAX,
} from "../limits.ts";
import { nameToWire } from "../wire/name.ts";

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
  /** Null for plain DNS. */
  readonly tls: TlsPlan | null;
  /** Address that queries leave from; null: any. */
  readonly sourceAddress: string | null;
  /** Sockets are replaced at this age at the latest; 0 is our own limit. */
  readonly maxAgeMs: number;
  /** Idle TCP connections that are kept; 0 is our own limit. */
  readonly maxIdleConns: number;
  /** The longest time-out of an attempt; 0 is our own limit. */
  readonly readTimeoutMs: number;
}

/** What a `forward` line without options says of its upstreams. */
export const UPSTREAM_DEFAULTS: Omit<UpstreamSettings, "address" | "port"> = {
  forceTcp: false,
  maxFails: FORWARD_DEFAULTS.maxFails,
  expireMs: FORWARD_DEFAULTS.expireMs,
  healthCheck: FORWARD_DEFAULTS.healthCheck,
  tls: null,
  sourceAddress: null,
  maxAgeMs: 0,
  maxIdleConns: 0,
  readTimeoutMs: 0,
};

/** Settings of the upstreams of `forward`, in its order. */
export function upstreamSettings(forward: ForwardPlan): UpstreamSettings[] {
  const { forceTcp, maxFails, expireMs, healthCheck, sourceAddresses } = forward;
  const { maxAgeMs, maxIdleConns, readTimeoutMs } = forward;
  return forward.upstreams.map(({ address, port, tls }) => ({
    address,
    port,
    forceTcp,
    maxFails,
    expireMs,
    healthCheck,
    tls,
    sourceAddress: sourceAddresses.find((own) => isIpv6(own) === isIpv6(address)) ?? null,
    maxAgeMs,
    maxIdleConns,
    readTimeoutMs,
  }));
}

function isIpv6(address: string): boolean {
  return address.includes(":");
}

export class Upstream {
  readonly settings: UpstreamSettings;
  /** `192.0.2.1:53`, `[2001:db8::1]:53`. */
  readonly name: string;
  /** The same as bytes, for records. */
  readonly nameBytes: Uint8Array;
  /** Where it is counted, see handoff/metrics_memory.ts. */
  metricsRow = 0;
  /** What health probes ask for, in wire form. */
  readonly probeName: Uint8Array;
  /** Not so while only questions of an earlier plan know it: it is not probed then. */
  isInPlan = true;
  /** Failures in a row. */
  failCount = 0;
  nextProbeMs = 0;
  /** Why it failed last, for the log: REASON_REFUSED …; 0 when it has not. */
  lastFailure = 0;
  /** When the last health probe was sent. */
  probeSentMs = 0;
  /** Whether it is asked by TCP, or by TLS, only. */
  readonly isStream: boolean;
  readonly udpAgeMsMax: number;
  readonly tcpAgeMsMax: number;
  readonly tcpIdleMax: number;
  /** Queries that were sent, by transport, probes included. */
  udpQueryCount = 0;
  tcpQueryCount = 0;
  /** Sockets that were opened for them; all other queries found one that was open. */
  udpOpenedCount = 0;
  tcpOpenedCount = 0;
  /** Questions that it answered. */
  replyCount = 0;
  /** Attempts and probes without a reply. */
  failureCount = 0;
  /** Probes without a reply. */
  probeFailureCount = 0;
  readonly #timeoutMsMin: number;
  readonly #timeoutMsMax: number;
  #roundTripMs = ATTEMPT_TIMEOUT_MS_MIN / ROUND_TRIPS_PER_TIMEOUT;
  #plainUntilMs = Number.NEGATIVE_INFINITY;

  /** @throws {RangeError} when the domain of its health checks is no name. */
  constructor(settings: UpstreamSettings) {
    const { address, port } = settings;
    this.settings = settings;
    this.probeName = nameToWire(settings.healthCheck.domain);
    this.name = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    this.nameBytes = new TextEncoder().encode(this.name);
    const { tls, forceTcp, maxAgeMs, maxIdleConns, readTimeoutMs } = settings;
    const limit = (value: number, own: number) => (value === 0 ? own : value);
    this.isStream = forceTcp || tls !== null;
    this.udpAgeMsMax = Math.min(limit(maxAgeMs, UDP_CHANNEL_AGE_MS_MAX), UDP_CHANNEL_AGE_MS_MAX);
    this.tcpAgeMsMax = limit(maxAgeMs, TCP_CHANNEL_AGE_MS_MAX);
    this.tcpIdleMax = limit(maxIdleConns, TCP_CHANNELS_PER_UPSTREAM);
    this.#timeoutMsMax = limit(readTimeoutMs, ATTEMPT_TIMEOUT_MS_MAX);
    this.#timeoutMsMin = Math.min(ATTEMPT_TIMEOUT_MS_MIN, this.#timeoutMsMax);
  }

  get isDown(): boolean {
    return this.settings.maxFails > 0 && this.failCount > this.settings.maxFails;
  }

  /** How long to wait for a reply before the next attempt. Doubles with each attempt before it. */
  attemptTimeoutMs(attemptsBefore: number): number {
    const usual = this.#roundTripMs * ROUND_TRIPS_PER_TIMEOUT;
    const bounded = Math.min(Math.max(usual, this.#timeoutMsMin), this.#timeoutMsMax);
    return Math.min(bounded * 2 ** attemptsBefore, this.#timeoutMsMax);
  }

  /** A reply came, `roundTripMs` after its query. @returns true when the upstream was down. */
  noteReply(roundTripMs: number): boolean {
    const wasDown = this.isDown;
    this.failCount = 0;
    this.replyCount += 1;
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
    this.failureCount += 1;
    return !wasDown && this.isDown;
  }

  /** Whether a health probe is due; the next one is due an interval later. */
  isProbeDue(nowMs: number): boolean {
    if (this.failCount === 0 || !this.isInPlan || nowMs < this.nextProbeMs) return false;
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

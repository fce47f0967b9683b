/**
 * What the control plane tells the data plane to do: plain values, structured-cloneable.
 *
 * The control plane compiles a checked Corefile to one `Plan`; every data-plane worker builds its
 * sockets, tables and routes from it and from nothing else. Times carry their unit in the name.
 */

import {
  QUESTION_DEADLINE_MS,
  TCP_CLIENT_IDLE_MS,
  TCP_CLIENT_PARTIAL_MS,
  TCP_CLIENT_WRITE_MS,
  UDP_ANSWER_BYTES_MAX,
} from "../limits.ts";
import type { PluginCounterPlan } from "./plugin_counters.ts";

/** One UDP and TCP address to listen on, and which zones are answered there. */
export interface ListenerPlan {
  /**
   * Textual address without brackets or scope: `127.0.0.1`, `::1`, or the wildcards `0.0.0.0`,
   * `::`.
   */
  readonly address: string;
  readonly port: number;
  /**
   * Bound by IP_TRANSPARENT: before the machine has the address, and able to answer after it is
   * gone. Needs CAP_NET_ADMIN.
   */
  readonly isTransparent: boolean;
  /**
   * Every worker has a socket of its own, on a port of its own: to ask that worker and no other.
   */
  readonly isPrivate: boolean;
  /** Longest match wins. A name that matches none is answered REFUSED. */
  readonly zones: readonly ZoneRoute[];
  /** The scope of what no zone takes. */
  readonly droppedScope: number;
  readonly timeouts: TimeoutsPlan;
}

/** How long a client by TCP may keep us waiting, ms. */
export interface TimeoutsPlan {
  /** From the first byte of a message to its last. */
  readonly readMs: number;
  /** For answers that it does not take. */
  readonly writeMs: number;
  /** Between messages, while nothing is under way. */
  readonly idleMs: number;
}

export const TIMEOUTS_DEFAULT: TimeoutsPlan = {
  readMs: TCP_CLIENT_PARTIAL_MS,
  writeMs: TCP_CLIENT_WRITE_MS,
  idleMs: TCP_CLIENT_IDLE_MS,
};

/** Queries for `zone` and all below it go to the view whose id is `view`. */
export interface ZoneRoute {
  /** Lower-case presentation name with the final dot; `.` is the root. */
  readonly zone: string;
  readonly view: number;
  /**
   * Number of this zone of this listener, see scope_numbers.ts. Two routes have the same one only
   * when they lead to the same view.
   */
  readonly scope: number;
}

/** One server block of the Corefile. */
export interface ViewPlan {
  /**
   * 0..255: what its answers are known by in the cache. A block keeps it over changes of the
   * configuration as long as its answers stay good.
   */
  readonly id: number;
  /** First key of the block, as written, for logs and metrics: `cluster.local:53`. */
  readonly name: string;
  /** All zones of the block, normalised. */
  readonly zones: readonly string[];
  readonly cache: CachePlan | null;
  /**
   * In the order of the Corefile; the first whose `from` holds the name and `except` does not, is
   * used.
   */
  readonly forwards: readonly ForwardPlan[];
  /** Plugins that answer or change queries, in their order of execution. */
  readonly plugins: readonly PluginPlan[];
  readonly errors: boolean;
  /** Errors that are counted and summed up; the first whose pattern matches takes it. */
  readonly consolidate: readonly ConsolidatePlan[];
  /** The log says where in our code a plugin has failed. */
  readonly stacktrace: boolean;
  /** Lines of level debug are logged. */
  readonly debug: boolean;
  readonly log: readonly LogPlan[];
  /** Queries and answers are counted by scope, for `prometheus`. */
  readonly metrics: boolean;
  /** Zones in which logs know what plugins have found out about a query; empty: none. */
  readonly metadata: readonly string[];
  /** Answers by UDP, and replies to what the block asks, are not larger. */
  readonly udpBytesMax: number;
  /** A question that has no answer by then has failed, ms. */
  readonly deadlineMs: number;
}

/** A server block without directives, but for its id. */
export function emptyViewPlan(name: string, zones: readonly string[]): Omit<ViewPlan, "id"> {
  return {
    name,
    zones,
    cache: null,
    forwards: [],
    plugins: [],
    errors: false,
    consolidate: [],
    stacktrace: false,
    debug: false,
    log: [],
    metrics: false,
    metadata: [],
    udpBytesMax: UDP_ANSWER_BYTES_MAX,
    deadlineMs: QUESTION_DEADLINE_MS,
  };
}

/** A plugin of a server block that is code of its own in the data plane, see plugins/stages.ts. */
export interface PluginPlan {
  /** The directive. */
  readonly plugin: string;
  /** What the plugin's folder says; plain values. */
  readonly settings: unknown;
}

export interface CachePlan {
  /** Zones that are cached, normalised; a name outside is passed through uncached. */
  readonly zones: readonly string[];
  readonly success: CacheClassPlan;
  readonly denial: CacheClassPlan;
  /** How long a SERVFAIL is kept, ms; 0 disables. Default 5,000, at most 300,000. */
  readonly servfailMs: number;
  /** Zones in which no success (denial) is stored; empty is none. */
  readonly disableSuccess: readonly string[];
  readonly disableDenial: readonly string[];
  /** Answers keep the TTL of the moment of storing. */
  readonly keepTtl: boolean;
  /** Null: none is asked for again before it expires. */
  readonly prefetch: PrefetchPlan | null;
  /** Null: nothing is given that has expired. */
  readonly stale: StalePlan | null;
}

/** Answers that are asked for often are refreshed before they expire. */
export interface PrefetchPlan {
  /** Hits from which on that is so, 1 or more, … */
  readonly amount: number;
  /** … with less than so long between each and the next. */
  readonly gapMs: number;
  /** The last part of its life in which an answer is refreshed, 10 to 90. */
  readonly percentage: number;
}

/** Answers that have expired are given in place of none (RFC 8767). */
export interface StalePlan {
  /** For so long after they expired. */
  readonly windowMs: number;
  /** The upstream is asked first, and only if it does not know … */
  readonly isVerified: boolean;
  /** … or takes longer than this, a stale answer is given; 0 is as long as it is asked. */
  readonly verifyTimeoutMs: number;
  /** TTL of all records in a stale answer. */
  readonly responseTtlSec: number;
  /** From a refresh that failed to the next one, at least. */
  readonly recheckMs: number;
  /** A denial does not take the place of an answer that is within the window. */
  readonly prefersPositive: boolean;
}

export interface CacheClassPlan {
  /** Answers of this class that the view may hold; 0 is "as many as the byte budget allows". */
  readonly capacity: number;
  /** TTLs are capped to this, seconds. */
  readonly ttlSecMax: number;
  /** TTLs are raised to this, seconds; 0 (the default when not written) leaves them. */
  readonly ttlSecMin: number;
}

export const POLICY_RANDOM = 0;
export const POLICY_ROUND_ROBIN = 1;
export const POLICY_SEQUENTIAL = 2;

export interface ForwardPlan {
  readonly from: string;
  readonly except: readonly string[];
  /** 1 to 15. */
  readonly upstreams: readonly UpstreamPlan[];
  /** POLICY_RANDOM, POLICY_ROUND_ROBIN or POLICY_SEQUENTIAL. */
  readonly policy: number;
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  /** Consecutive failures after which an upstream is down; 0 never. Default 2. */
  readonly maxFails: number;
  /** Idle upstream TCP connections are closed after this, ms. Default 10,000. */
  readonly expireMs: number;
  readonly healthCheck: HealthCheckPlan;
  /** Questions in flight; above it REFUSED. 0 is no limit of its own. */
  readonly maxConcurrent: number;
  /** SERVFAIL at once when all upstreams are down, instead of trying one at random. */
  readonly failfastAllUnhealthy: boolean;
  /** RCODEs of an upstream after which the next one is tried. */
  readonly failoverRcodes: readonly number[];
  /** RCODEs after which the next `forward` of the server block that takes the name is asked. */
  readonly nextRcodes: readonly number[];
  /** The same after an answer without error and without records. */
  readonly nextOnNodata: boolean;
  /** Upstream connections are replaced at this age, ms; 0 is our own limit. */
  readonly maxAgeMs: number;
  /** Idle TCP connections kept per upstream; 0 is our own limit. */
  readonly maxIdleConns: number;
  /** No attempt waits longer for a reply before the next is made, ms; 0 is our own limit. */
  readonly readTimeoutMs: number;
  /** Attempts per question; 0 is our own limit, which is never exceeded. */
  readonly maxConnectAttempts: number;
  /** Addresses that queries leave from, at most one per family. */
  readonly sourceAddresses: readonly string[];
}

/** What a `forward` line without options means. */
export const FORWARD_DEFAULTS: Omit<ForwardPlan, "from" | "upstreams"> = {
  except: [],
  policy: POLICY_RANDOM,
  forceTcp: false,
  preferUdp: false,
  maxFails: 2,
  expireMs: 10_000,
  healthCheck: { intervalMs: 500, recursionDesired: true, domain: "." },
  maxConcurrent: 0,
  failfastAllUnhealthy: false,
  failoverRcodes: [],
  nextRcodes: [],
  nextOnNodata: false,
  maxAgeMs: 0,
  maxIdleConns: 0,
  readTimeoutMs: 0,
  maxConnectAttempts: 0,
  sourceAddresses: [],
};

export interface UpstreamPlan {
  /** Textual; a scope is the number of its interface: `fe80::1%2`. */
  readonly address: string;
  readonly port: number;
  /** How DNS over TLS is spoken with it (RFC 7858); null for plain DNS. */
  readonly tls: TlsPlan | null;
}

/** Files are named, not read: keys stay out of plans, and renewed ones are found. */
export interface TlsPlan {
  /** Name that its certificate must be for; null: its address. */
  readonly serverName: string | null;
  /** Our own certificate and its key, PEM; both or neither. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
  /** Authorities that may have signed its certificate, PEM; null: those of the system. */
  readonly caFile: string | null;
}

export interface HealthCheckPlan {
  /** Between probes of an upstream that failed, ms. Default 500. */
  readonly intervalMs: number;
  readonly recursionDesired: boolean;
  /** Name probed (type NS), normalised. Default `.`. */
  readonly domain: string;
}

/** One `consolidate` of a server block's `errors`. */
export interface ConsolidatePlan {
  readonly periodMs: number;
  /** Of Go's regular expressions, see plugins/go_regexp.ts. */
  readonly pattern: string;
  readonly level: LogLevel;
  /** The first error of a period is logged as it is. */
  readonly showFirst: boolean;
}

export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One `log` line of a server block. */
export interface LogPlan {
  readonly zones: readonly string[];
  /** Format as written, or the common one; expanded by the control plane. */
  readonly format: string;
  /** Bit set of LOG_SUCCESS, LOG_DENIAL, LOG_ERROR. */
  readonly classes: number;
}

export const LOG_SUCCESS = 1;
export const LOG_DENIAL = 2;
export const LOG_ERROR = 4;
export const LOG_ALL = 7;

export interface Plan {
  /** Rises by one with every plan of this process. */
  readonly generation: number;
  readonly listeners: readonly ListenerPlan[];
  readonly views: readonly ViewPlan[];
  /** Rows in which upstreams are counted, by `ADDRESS:PORT`; see metrics_memory.ts. */
  readonly upstreamRows: Readonly<Record<string, number>>;
  /** Counters that plugins of any view have declared. */
  readonly pluginCounters: readonly PluginCounterPlan[];
}

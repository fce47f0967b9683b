/**
 * Every bound of the data plane, with its unit in the name and the reason beside it.
 *
 * Memory is taken from these numbers at start and never grows: what does not fit is shed and
 * counted. The relations at the end are checked when the module is loaded.
 */

/** A UDP query longer than this is cut by the kernel; real ones are below 512 (RFC 1035 §4.2.1). */
export const UDP_QUERY_BYTES_MAX = 4096;
/** What we advertise and send by UDP without fragments on any path (RFC 9715). */
export const UDP_ANSWER_BYTES_MAX = 1232;
/** A DNS message by TCP, without its length prefix (RFC 1035 §4.2.2). */
export const TCP_MESSAGE_BYTES_MAX = 65_535;
/** Datagrams taken from or given to the kernel in one call. */
export const UDP_BATCH = 64;
/** Full batches that one listener may hand in before the others have their turn. */
export const UDP_BATCHES_PER_TURN_MAX = 4;
/**
 * Receive buffer of a listener: room for about 0.3 s of a flood while the worker is descheduled.
 */
export const UDP_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Distinct questions that wait for an upstream. */
export const PENDING_MAX = 8192;
/** Clients that wait for those. */
export const WAITERS_MAX = 16_384;
/** Questions that plugins before the cache have asked on behalf of clients. */
export const EXCHANGE_QUESTIONS_MAX = 2048;
/** EDNS options that plugins add to a query for an upstream, their headers included. */
export const UPSTREAM_OPTIONS_BYTES_MAX = 512;
/** Tries of one question, whatever the upstream and transport. */
export const ATTEMPTS_MAX = 4;
/** First try is given up, and the next one made, after this at the earliest and at the latest. */
export const ATTEMPT_TIMEOUT_MS_MIN = 400;
export const ATTEMPT_TIMEOUT_MS_MAX = 1600;
/**
 * Clients' resolvers give up after 5 s (resolv.conf(5)): the answer, even SERVFAIL, comes before.
 */
export const QUESTION_DEADLINE_MS = 4200;

/** A health probe that was not answered by then has failed, as in CoreDNS. */
export const PROBE_TIMEOUT_MS = 1000;

/** Addresses and ports that are listened on, those that are leaving included. */
export const LISTENERS_MAX = 128;
/**
 * A listener that the configuration has no more is closed so long after; connections by TCP that
 * are in use all the time are read for so long, and have as long again to get their answers.
 */
export const LISTENER_LEAVE_MS = 5000;
/** Server blocks, told apart in the cache by numbers below this. */
export const VIEWS_MAX = 256;
/**
 * A server block that the configuration has no more is kept so long for what is in flight: no
 * question waits so long.
 */
export const VIEW_LEAVE_MS = 12_000;
/** Upstreams that are watched for loops, once for each `forward` that names them. */
export const LOOP_PROBES_MAX = 64;
/** Time between probes for a loop, and while there is one. */
export const LOOP_PROBE_MS = 30_000;
export const LOOPING_PROBE_MS = 5000;
/** A loop whose probe has not come back for so long is over: two of them were lost. */
export const LOOP_FORGET_MS = 12_000;

/** Distinct upstream addresses of a whole configuration. */
export const UPSTREAMS_MAX = 64;
/**
 * Zones of listeners that are counted apart for metrics, in the life of a process. A row has 7 kB
 * per worker, but takes memory only when it is used.
 */
export const SCOPES_MAX = 1024;
/** The same for upstreams; the last row is for all that have none of their own. */
export const UPSTREAM_ROWS = 256;
/** Counters that plugins declare; the last one is for those beyond. */
export const PLUGIN_COUNTERS_MAX = 256;
/** Sockets, each with a random port, that share one upstream's UDP traffic. */
export const UDP_CHANNELS_PER_UPSTREAM = 4;
/** A UDP socket towards an upstream gets a new port after so many queries, or this age. */
export const UDP_CHANNEL_QUERIES_MAX = 4096;
export const UDP_CHANNEL_AGE_MS_MAX = 10_000;
/** Replies that match nothing before such a socket is thought to be under attack and replaced. */
export const UDP_CHANNEL_STRANGERS_MAX = 64;
/** Pipelined TCP connections towards one upstream (RFC 7766 §6.2.2: few). */
export const TCP_CHANNELS_PER_UPSTREAM = 2;
/** All upstream sockets, retiring ones included. */
export const CHANNELS_MAX = 1024;
/** Of which TCP connections, which need buffers. */
export const TCP_CHANNELS_MAX = 64;
/** Queries not yet taken by the kernel, per upstream TCP connection. */
export const TCP_CHANNEL_SEND_BYTES = 32 * 1024;
export const TCP_CONNECT_TIMEOUT_MS = 1500;
/** With this many in flight on one connection, a second one is opened beside it. */
export const TCP_CHANNEL_BUSY_COUNT = 32;
/** A connection is replaced at this age, so that traffic follows when a Service gets new pods. */
export const TCP_CHANNEL_AGE_MS_MAX = 60_000;

/** Client TCP connections in all, and from one address. */
export const TCP_CLIENTS_MAX = 1024;
export const TCP_CLIENTS_PER_ADDRESS_MAX = 256;
/** Questions of one connection that wait for an upstream; beyond it, we stop reading. */
export const TCP_CLIENT_PENDING_MAX = 100;
export const TCP_CLIENT_IDLE_MS = 10_000;
/** A connection that has been idle for less is not closed, however many wait for its place. */
export const TCP_CLIENT_IDLE_MS_MIN = 1000;
/** From the first byte of a message to its last. */
export const TCP_CLIENT_PARTIAL_MS = 3000;
/** A client that does not take its answers is cut off after this. */
export const TCP_CLIENT_WRITE_MS = 5000;
/** Answers that wait for slow clients, all together. */
export const TCP_OUTPUT_BLOCKS = 64;

/** No system call sleeps longer, so that a worker can always be told to stop. */
export const SLEEP_MS_MAX = 100;
/** A new worker makes its code hot for so long between two turns of its loop. */
export const WARM_UP_STEP_MS = 1;
/** A worker takes another plan over within milliseconds; one that has not by then hangs. */
export const ADOPT_MS_MAX = 5000;
/** A worker that has not ended so long after it was told to by force never will. */
export const TERMINATE_MS_MAX = 500;
/** Descriptors of a worker that are noted, so that they can be closed after it. */
export const DESCRIPTORS_MAX = 65_536;
/** When told to stop, a worker goes on for this long while clients wait for answers. */
export const STOP_GRACE_MS = 1000;
/** Records for the log that wait for the control plane, per worker; a power of two. */
export const LOG_RING_BYTES = 256 * 1024;
/** Resolution of all time-outs of pending questions. */
export const TIMER_TICK_MS = 10;
export const TIMER_WHEEL_SIZE = 512;

/** Cache budget when `-memory` is not given, and the least of all. */
export const CACHE_BYTES_DEFAULT = 64 * 1024 * 1024;
export const CACHE_BYTES_MIN = 1024 * 1024;

/**
 * From here on the cache lies in huge pages: a hit among a million names costs fewer look-ups of
 * addresses. Below it, what half-used huge pages waste would be seen in an idle process.
 */
export const HUGE_PAGES_BYTES_MIN = 128 * 1024 * 1024;

const RELATIONS: readonly (readonly [boolean, string])[] = [
  [UDP_ANSWER_BYTES_MAX <= UDP_QUERY_BYTES_MAX, "an answer fits where a query was"],
  [WAITERS_MAX >= PENDING_MAX, "every pending question has a client"],
  // Connections are looked at once a second.
  [
    VIEW_LEAVE_MS > LISTENER_LEAVE_MS + 1000 + QUESTION_DEADLINE_MS,
    "a view outlives its questions, also those asked by a listener that goes",
  ],
  [LISTENER_LEAVE_MS > QUESTION_DEADLINE_MS, "a listener outlives its questions"],
  [ATTEMPT_TIMEOUT_MS_MIN < QUESTION_DEADLINE_MS, "there is time for a second attempt"],
  [SLEEP_MS_MAX <= 100, "a worker in a system call can be stopped"],
  [UPSTREAMS_MAX * UDP_CHANNELS_PER_UPSTREAM * 2 <= CHANNELS_MAX, "sockets can retire in peace"],
  [PENDING_MAX * ATTEMPTS_MAX < 2 ** 31, "an attempt's number is a small integer"],
];

for (const [holds, relation] of RELATIONS) {
  if (!holds) throw new Error(`Cannot start: the limits contradict each other: ${relation}`);
}

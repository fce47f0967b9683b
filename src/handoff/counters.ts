/**
 * What a worker counts, in shared memory: one row of doubles per worker, written by it alone.
 *
 * A double counts exactly to 2^53 and is stored in one piece, so the control plane reads without a
 * lock and adds the rows up.
 */

export const COUNTER_NAMES = [
  "queriesUdp",
  "queriesTcp",
  "hits",
  "hitsDenial",
  "misses",
  "joined",
  "servedStale",
  "prefetches",
  "cacheDrops",
  "dropShort",
  "dropReply",
  "dropSend",
  "answersFormerr",
  "answersNotimp",
  "answersBadvers",
  "answersRefused",
  "answersServfail",
  "answersTruncated",
  "shedPending",
  "shedWaiters",
  "shedConcurrent",
  "shedExchanges",
  "panics",
  "upstreamQueries",
  "upstreamReplies",
  "upstreamStrangers",
  "upstreamMalformed",
  "upstreamTimeouts",
  "upstreamErrors",
  "upstreamTruncated",
  "upstreamFailovers",
  "upstreamsAllDown",
  "upstreamSocketsOpened",
  "loopsFound",
  "tcpAccepted",
  "tcpRefused",
  "tcpClosedIdle",
  "tcpClosedSlow",
  "tcpOpen",
  "turns",
  "heartbeatMs",
  "pending",
  "waiters",
] as const;

export type CounterName = (typeof COUNTER_NAMES)[number];

/** Position of each counter in a row: `COUNTER.hits`. */
export const COUNTER: { readonly [name in CounterName]: number } = Object.freeze(
  Object.fromEntries(COUNTER_NAMES.map((name, index) => [name, index])),
) as { readonly [name in CounterName]: number };

/** Rows start on their own cache lines. */
const ROW_DOUBLES = Math.ceil(COUNTER_NAMES.length / 8) * 8;

export function countersMemory(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * ROW_DOUBLES * Float64Array.BYTES_PER_ELEMENT);
}

/** The row of worker `worker`, 0-based. */
export function countersRow(memory: SharedArrayBuffer, worker: number): Float64Array {
  return new Float64Array(memory, worker * ROW_DOUBLES * 8, ROW_DOUBLES);
}

/** The sums over all workers, by name; `heartbeatMs` is the oldest one. */
export function readCounters(memory: SharedArrayBuffer): Record<CounterName, number> {
  const workers = memory.byteLength / (ROW_DOUBLES * 8);
  const sums = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0]));
  for (let worker = 0; worker < workers; worker++) {
    const row = countersRow(memory, worker);
    for (const name of COUNTER_NAMES) {
      const value = row[COUNTER[name]]!;
      const first = worker === 0;
      if (name !== "heartbeatMs") sums[name]! += value;
      else sums[name] = first ? value : Math.min(sums[name]!, value);
    }
  }
  return sums as Record<CounterName, number>;
}

// Hot path.
/** The way of a batch of datagrams through us. */

import { keyHash } from "../cache/entry.ts";
import { COUNTER } from "../handoff/counters.ts";
import { UDP_ANSWER_BYTES_MAX, UDP_BATCH, UDP_BATCHES_PER_TURN_MAX } from "../limits.ts";
import { readQuery } from "../wire/query.ts";
import { ANSWER_LATER, NO_ANSWER } from "./answer_codes.ts";
import { TRANSPORT_UDP } from "./client.ts";
import { answerQuery, handleQuery, routeQuery, variantOf } from "./handle_query.ts";
import { clearInterface } from "./packet_info.ts";
import type { Plane } from "./plane.ts";
import { NO_SCOPE } from "./zone_router.ts";

/**
 * Datagrams closer together than this are taken by one `recvmmsg`; a lone one is cheaper by
 * `recvmsg` (0.3 µs on Node).
 */
const TOGETHER_MS = 0.1;
/** A batch of fewer queries is handled one by one: there is little to wait for together. */
const TOUCH_COUNT_MIN = 8;
/**
 * Takes what clients sent to `listener` and answers what can be answered at once: batch after
 * batch, until the socket is empty or others should have their turn.
 *
 * @returns how many there were.
 */
export function handleDatagrams(plane: Plane, listener: number): number {
  const fd = plane.listeners.udpFds[listener]!;
  const many = plane.nowMs - plane.listeners.lastReceivedMs[listener]! < TOGETHER_MS;
  plane.listeners.lastReceivedMs[listener] = plane.nowMs;
  let total = 0;
  for (let batch = 0; batch < UDP_BATCHES_PER_TURN_MAX; batch++) {
    const count = plane.received.receive(fd, many);
    if (count <= 0) break;
    const isRead = count >= TOUCH_COUNT_MIN;
    if (isRead) readBatch(plane, listener, count);
    for (let row = 0; row < count; row++) handleDatagram(plane, listener, fd, row, isRead);
    plane.query = plane.ownQuery;
    plane.answers.flush();
    plane.counters[COUNTER.queriesUdp]! += count;
    total += count;
    if (!many || count < UDP_BATCH) break;
  }
  return total;
}

/** Reads the queries of a batch and touches what the cache has for them. */
function readBatch(plane: Plane, listener: number, count: number): void {
  const { received, batch } = plane;
  const { queries, codes, scopes, hashes } = batch;
  const zones = plane.listeners.routers[listener];
  for (let row = 0; row < count; row++) {
    const query = queries[row];
    const offset = received.bufferOffset(row);
    const length = received.lengthBytes(row);
    const code = readQuery(plane.bytes, plane.view, offset, length, plane.hashSeed, query);
    const scope = routeQuery(zones, code, query);
    const view = scope === NO_SCOPE ? NO_SCOPE : plane.scopeViews[scope];
    codes[row] = code;
    scopes[row] = scope;
    hashes[row] = keyHash(query.hash, query.type, query.class, variantOf(query), view);
  }
  batch.touch(plane.cache, count);
}

/** @param isRead whether the query is in `plane.batch` already. */
function handleDatagram(
  plane: Plane,
  listener: number,
  fd: number,
  row: number,
  isRead: boolean,
): void {
  const { received, answers, client } = plane;
  client.transport = TRANSPORT_UDP;
  client.listener = listener;
  client.nameOffset = received.nameOffset(row);
  client.nameBytes = received.nameBytes(row);
  client.controlOffset = received.controlOffset(row);
  client.controlBytes = received.controlBytes(row);
  if (client.controlBytes !== 0) clearInterface(plane, client.controlOffset);
  const target = answers.buffer(fd);
  const length = isRead
    ? answerRead(plane, row, target)
    : handleQuery(
        plane,
        plane.listeners.routers[listener],
        received.bufferOffset(row),
        received.lengthBytes(row),
        target,
        UDP_ANSWER_BYTES_MAX,
      );
  if (length === NO_ANSWER || length === ANSWER_LATER) return;
  answers.commit(
    length,
    client.nameOffset,
    client.nameBytes,
    client.controlOffset,
    client.controlBytes,
  );
}

function answerRead(plane: Plane, row: number, target: number): number {
  const { queries, codes, scopes } = plane.batch;
  plane.query = queries[row];
  plane.client.queryBytes = plane.received.lengthBytes(row);
  return answerQuery(plane, codes[row], scopes[row], target, UDP_ANSWER_BYTES_MAX);
}

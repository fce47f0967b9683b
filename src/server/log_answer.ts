// Hot path.
/** Tells the control plane about an answer or a failure, for the plugins `log` and `errors`. */

import { COUNTER } from "../handoff/counters.ts";
import { LOG_DENIAL, LOG_ERROR, LOG_SUCCESS } from "../handoff/plan.ts";
import {
  REASON_UNREACHABLE,
  RECORD_ADDRESS,
  RECORD_ADDRESS_LENGTH,
  RECORD_ANSWER_BYTES,
  RECORD_ANSWER_FLAGS,
  RECORD_BYTES_MAX,
  RECORD_CLASS,
  RECORD_DNSSEC_OK,
  RECORD_DURATION_US,
  RECORD_ERROR,
  RECORD_HEALTH,
  RECORD_ID,
  RECORD_KIND,
  RECORD_LOCAL,
  RECORD_LOG_CLASS,
  RECORD_NAME,
  RECORD_NAME_LENGTH,
  RECORD_PANIC,
  RECORD_PANIC_BYTES_MAX,
  RECORD_PORT,
  RECORD_QUERY,
  RECORD_QUERY_BYTES,
  RECORD_QUERY_FLAGS,
  RECORD_REASON,
  RECORD_TEXT_LENGTH,
  RECORD_TRANSPORT,
  RECORD_TYPE,
  RECORD_UDP_SIZE,
  RECORD_VIEW,
} from "../handoff/records.ts";
import type { RingWriter } from "../handoff/ring.ts";
import { ATTEMPTS_MAX } from "../limits.ts";
import { NO_SLOT } from "../std/slot_pool.ts";
import {
  AF_INET,
  CMSG_DATA,
  CMSG_LEVEL,
  IPPROTO_IPV6,
  PKTINFO_OWN_ADDRESS,
  SOCKADDR_IN_ADDR,
  SOCKADDR_IN6_ADDR,
  SOCKADDR_PORT,
} from "../sys/layout.ts";
import { NO_UPSTREAM } from "../upstream/route.ts";
import {
  HEADER_ANCOUNT,
  HEADER_FLAGS,
  RCODE_MASK,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
} from "../wire/constants.ts";
import { TRANSPORT_UDP } from "./client.ts";
import type { Plane } from "./plane.ts";
import type { View } from "./view.ts";

const US_PER_MS = 1000;

/** The record being written: borrowed by both functions below. */
const record = new Int32Array(new SharedArrayBuffer(RECORD_BYTES_MAX));
const recordBytes = new Uint8Array(record.buffer);
const recordView = new DataView(record.buffer);

/**
 * Notes the answer of `lengthBytes` bytes at `offset` to `plane.query` of `plane.client`, if `view`
 * logs answers of its class.
 */
export function logAnswer(
  plane: Plane,
  view: View,
  offset: number,
  lengthBytes: number,
  startedMs: number,
): void {
  const answerFlags = plane.view.getUint16(offset + HEADER_FLAGS);
  const logClass = classOf(answerFlags & RCODE_MASK, plane.view.getUint16(offset + HEADER_ANCOUNT));
  if ((view.logClasses & logClass) === 0) return;
  const { query, client } = plane;
  recordView.setUint8(RECORD_KIND, RECORD_QUERY);
  recordView.setUint8(RECORD_TRANSPORT, client.transport);
  recordView.setUint16(RECORD_VIEW, view.id, true);
  recordView.setUint32(RECORD_DURATION_US, (plane.nowMs - startedMs) * US_PER_MS, true);
  recordView.setUint16(RECORD_ID, query.id, true);
  recordView.setUint16(RECORD_QUERY_FLAGS, query.flags, true);
  recordView.setUint16(RECORD_QUERY_BYTES, client.queryBytes, true);
  recordView.setUint16(RECORD_ANSWER_BYTES, lengthBytes, true);
  recordView.setUint16(RECORD_UDP_SIZE, query.udpSizeBytes, true);
  recordView.setUint16(RECORD_ANSWER_FLAGS, answerFlags, true);
  recordView.setUint8(RECORD_DNSSEC_OK, query.dnssecOk);
  recordView.setUint8(RECORD_LOG_CLASS, logClass);
  recordView.setUint8(RECORD_TEXT_LENGTH, 0);
  copyAddress(plane);
  if (view.logsLocal) writeLocalAddress(plane);
  writeQuestion(plane, query.questionOffset, query.nameLength);
  if (view.logsUpstream && plane.repliedBy !== NO_UPSTREAM) {
    writeText(plane.upstreams[plane.repliedBy]!.nameBytes, query.nameLength);
  }
  send(plane.ring, query.nameLength + recordBytes[RECORD_TEXT_LENGTH]!);
}

/**
 * Notes that the question of `lengthBytes` bytes at `offset` could not be answered, and why.
 *
 * @param slot of the pending question; NO_SLOT when it never was one.
 */
export function logFailure(
  plane: Plane,
  view: View,
  slot: number,
  offset: number,
  lengthBytes: number,
  reason: number,
): void {
  if (!view.plan.errors) return;
  const nameLength = lengthBytes - 4;
  recordView.setUint8(RECORD_KIND, RECORD_ERROR);
  recordView.setUint16(RECORD_VIEW, view.id, true);
  recordView.setUint8(RECORD_REASON, reason);
  recordView.setUint8(RECORD_TEXT_LENGTH, 0);
  writeQuestion(plane, offset, nameLength);
  const attempts = slot === NO_SLOT ? 0 : plane.pending.attemptCounts[slot]!;
  if (attempts > 0) {
    const last = plane.pending.attemptUpstreams[slot * ATTEMPTS_MAX + attempts - 1]!;
    const upstream = plane.upstreams[last]!;
    const overTcp = upstream.isStream || plane.pending.overTcp[slot] === 1;
    recordView.setUint8(RECORD_TRANSPORT, overTcp ? 1 : 0);
    if (reason === REASON_UNREACHABLE && upstream.lastFailure !== 0) {
      recordView.setUint8(RECORD_REASON, upstream.lastFailure);
    }
    writeText(upstream.nameBytes, nameLength);
  }
  send(plane.ring, nameLength + recordBytes[RECORD_TEXT_LENGTH]!);
}

/**
 * Cold: notes that a plugin of `view` has thrown. The query is answered SERVFAIL.
 */
export function logPanic(plane: Plane, view: View, error: unknown): void {
  plane.counters[COUNTER.panics]! += 1;
  const stack = error instanceof Error ? error.stack : undefined;
  const room = recordBytes.subarray(RECORD_NAME, RECORD_NAME + RECORD_PANIC_BYTES_MAX);
  const text = new TextEncoder().encode(stack ?? String(error)).subarray(0, room.length);
  room.set(text);
  recordView.setUint8(RECORD_KIND, RECORD_PANIC);
  recordView.setUint16(RECORD_VIEW, view.id, true);
  recordView.setUint16(RECORD_ANSWER_BYTES, text.length, true);
  send(plane.ring, text.length);
}

/** Notes that an upstream, named by ASCII bytes, went down or came up again. */
export function logHealth(plane: Plane, name: Uint8Array, reason: number): void {
  recordView.setUint8(RECORD_KIND, RECORD_HEALTH);
  recordView.setUint8(RECORD_REASON, reason);
  recordView.setUint8(RECORD_NAME_LENGTH, name.length);
  for (let at = 0; at < name.length; at++) recordBytes[RECORD_NAME + at] = name[at];
  send(plane.ring, name.length);
}

function classOf(rcode: number, answerCount: number): number {
  if (rcode === RCODE_NXDOMAIN) return LOG_DENIAL;
  if (rcode !== RCODE_NOERROR) return LOG_ERROR;
  return answerCount === 0 ? LOG_DENIAL : LOG_SUCCESS;
}

function copyAddress(plane: Plane): void {
  const name = plane.client.nameOffset;
  const isIpv4 = plane.view.getUint16(name, true) === AF_INET;
  const from = name + (isIpv4 ? SOCKADDR_IN_ADDR : SOCKADDR_IN6_ADDR);
  const length = isIpv4 ? 4 : 16;
  recordView.setUint16(RECORD_PORT, plane.view.getUint16(name + SOCKADDR_PORT), true);
  recordView.setUint8(RECORD_ADDRESS_LENGTH, length);
  for (let at = 0; at < length; at++) recordBytes[RECORD_ADDRESS + at] = plane.bytes[from + at]!;
}

/**
 * Writes which of our addresses was asked: the control message of the datagram says so, or the
 * socket is bound to it. A system call, so only where a log wants to know.
 */
function writeLocalAddress(plane: Plane): void {
  const { client, bytes, words } = plane;
  const length = recordBytes[RECORD_ADDRESS_LENGTH]!;
  for (let at = 0; at < length; at++) recordBytes[RECORD_LOCAL + at] = 0;
  let from = 0;
  if (client.transport === TRANSPORT_UDP && client.controlBytes !== 0) {
    const isIpv6 = words[(client.controlOffset + CMSG_LEVEL) >> 2] === IPPROTO_IPV6;
    from = client.controlOffset + CMSG_DATA + (isIpv6 ? 0 : PKTINFO_OWN_ADDRESS);
  } else {
    const fd = socketOf(plane);
    if (fd < 0) return;
    const name = plane.sockets.localName(fd);
    const isIpv4 = plane.view.getUint16(name, true) === AF_INET;
    from = name + (isIpv4 ? SOCKADDR_IN_ADDR : SOCKADDR_IN6_ADDR);
  }
  for (let at = 0; at < length; at++) recordBytes[RECORD_LOCAL + at] = bytes[from + at]!;
}

/** The socket that the query came in by; -1 when it is closed. */
function socketOf(plane: Plane): number {
  const { client, tcpClients, listeners } = plane;
  if (client.transport === TRANSPORT_UDP) return listeners.udpFds[client.listener]!;
  const { connection, generation } = client;
  return tcpClients.isCurrent(connection, generation) ? tcpClients.fds[connection]! : -1;
}

function writeQuestion(plane: Plane, offset: number, nameLength: number): void {
  recordView.setUint8(RECORD_NAME_LENGTH, nameLength);
  recordView.setUint16(RECORD_TYPE, plane.view.getUint16(offset + nameLength), true);
  recordView.setUint16(RECORD_CLASS, plane.view.getUint16(offset + nameLength + 2), true);
  for (let at = 0; at < nameLength; at++) recordBytes[RECORD_NAME + at] = plane.bytes[offset + at]!;
}

/** Puts a text of ASCII bytes behind a name. */
function writeText(text: Uint8Array, nameLength: number): void {
  const start = RECORD_NAME + nameLength;
  recordView.setUint8(RECORD_TEXT_LENGTH, text.length);
  for (let at = 0; at < text.length; at++) recordBytes[start + at] = text[at]!;
}

/** @param lengthBytes of what stands behind the fixed part. */
function send(ring: RingWriter, lengthBytes: number): void {
  ring.write(record, RECORD_NAME + lengthBytes);
}

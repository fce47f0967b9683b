// Hot path.
/** Tells the control plane about an answer or a failure, for the plugins `log` and `errors`. */

import { LOG_DENIAL, LOG_ERROR, LOG_SUCCESS } from "../handoff/plan.ts";
import {
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
  RECORD_LOG_CLASS,
  RECORD_NAME,
  RECORD_NAME_LENGTH,
  RECORD_PORT,
  RECORD_QUERY,
  RECORD_QUERY_BYTES,
  RECORD_QUERY_FLAGS,
  RECORD_REASON,
  RECORD_TRANSPORT,
  RECORD_TYPE,
  RECORD_UDP_SIZE,
  RECORD_VIEW,
} from "../handoff/records.ts";
import type { RingWriter } from "../handoff/ring.ts";
import { AF_INET, SOCKADDR_IN_ADDR, SOCKADDR_IN6_ADDR, SOCKADDR_PORT } from "../sys/layout.ts";
import {
  HEADER_ANCOUNT,
  HEADER_FLAGS,
  RCODE_MASK,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
} from "../wire/constants.ts";
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
  copyAddress(plane);
  writeQuestion(plane, query.questionOffset, query.nameLength);
  send(plane.ring, query.nameLength);
}

/** Notes that the question of `lengthBytes` bytes at `offset` could not be answered, and why. */
export function logFailure(
  plane: Plane,
  view: View,
  offset: number,
  lengthBytes: number,
  reason: number,
): void {
  if (!view.plan.errors) return;
  const nameLength = lengthBytes - 4;
  recordView.setUint8(RECORD_KIND, RECORD_ERROR);
  recordView.setUint16(RECORD_VIEW, view.id, true);
  recordView.setUint8(RECORD_REASON, reason);
  writeQuestion(plane, offset, nameLength);
  send(plane.ring, nameLength);
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

function writeQuestion(plane: Plane, offset: number, nameLength: number): void {
  recordView.setUint8(RECORD_NAME_LENGTH, nameLength);
  recordView.setUint16(RECORD_TYPE, plane.view.getUint16(offset + nameLength), true);
  recordView.setUint16(RECORD_CLASS, plane.view.getUint16(offset + nameLength + 2), true);
  for (let at = 0; at < nameLength; at++) recordBytes[RECORD_NAME + at] = plane.bytes[offset + at]!;
}

function send(ring: RingWriter, nameLength: number): void {
  ring.write(record, RECORD_NAME + nameLength);
}

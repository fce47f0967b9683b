/** Lines of the plugins `log` and `errors`, from the records that workers send. */

import type { LogPlan, ViewPlan } from "../handoff/plan.ts";
import {
  REASON_TEXTS,
  REASON_UP,
  RECORD_ADDRESS,
  RECORD_ADDRESS_LENGTH,
  RECORD_ANSWER_BYTES,
  RECORD_ANSWER_FLAGS,
  RECORD_CLASS,
  RECORD_DNSSEC_OK,
  RECORD_DURATION_US,
  RECORD_ID,
  RECORD_LOG_CLASS,
  RECORD_NAME,
  RECORD_NAME_LENGTH,
  RECORD_PORT,
  RECORD_QUERY_BYTES,
  RECORD_QUERY_FLAGS,
  RECORD_REASON,
  RECORD_TRANSPORT,
  RECORD_TYPE,
  RECORD_UDP_SIZE,
} from "../handoff/records.ts";
import { ipv6Text } from "../sys/sockaddr.ts";
import { className, rcodeName, typeName } from "../wire/constants.ts";
import { foldWireName, isBelow, nameToWire, wireToName } from "../wire/name.ts";

const RCODE_MASK = 0xf;
const OPCODE_SHIFT = 11;
const OPCODE_MASK = 0xf;
const RCODE_SERVFAIL = 2;
const US_PER_SEC = 1_000_000;
/** What a client can take by TCP, whatever its OPT record says. */
const TCP_SIZE_BYTES = 65_535;
/** What a label without a value is shown as. */
const EMPTY = "-";
const METADATA_PREFIX = "/";

const FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [0x8000, "qr"],
  [0x0400, "aa"],
  [0x0200, "tc"],
  [0x0100, "rd"],
  [0x0080, "ra"],
  [0x0020, "ad"],
  [0x0010, "cd"],
];

/** Lines for one answer: one for each `log` of the server block that wants it. */
export function queryLines(record: Uint8Array, view: ViewPlan): string[] {
  const data = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const logClass = data.getUint8(RECORD_LOG_CLASS);
  const name = nameOf(record, data);
  return view.log
    .filter((log) => (log.classes & logClass) !== 0 && holdsName(log, name))
    .map((log) => `[INFO] ${fill(log.format, labelsOf(record, data, name))}`);
}

/** `[ERROR] plugin/errors: 2 example.org. A: no upstream answered in time`, as CoreDNS words it. */
export function errorLine(record: Uint8Array): string {
  const data = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const name = wireToName(nameOf(record, data));
  const type = typeName(data.getUint16(RECORD_TYPE, true));
  const reason = REASON_TEXTS[data.getUint8(RECORD_REASON)] ?? "unknown reason";
  return `[ERROR] plugin/errors: ${RCODE_SERVFAIL} ${name} ${type}: ${reason}`;
}

/** `[WARNING] plugin/forward: upstream 192.0.2.1:53 is down: …`, and when it is up again. */
export function healthLine(record: Uint8Array): string {
  const data = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const name = new TextDecoder().decode(nameOf(record, data));
  return data.getUint8(RECORD_REASON) === REASON_UP
    ? `[INFO] plugin/forward: upstream ${name} is up again`
    : `[WARNING] plugin/forward: upstream ${name} is down: it does not answer`;
}

/** What the worker has worded itself. */
export function textLine(record: Uint8Array): string {
  return new TextDecoder().decode(record.subarray(RECORD_NAME));
}

function nameOf(record: Uint8Array, data: DataView): Uint8Array {
  return record.subarray(RECORD_NAME, RECORD_NAME + data.getUint8(RECORD_NAME_LENGTH));
}

function holdsName(log: LogPlan, name: Uint8Array): boolean {
  const folded = foldWireName(name);
  return log.zones.some((zone) => isBelow(nameToWire(zone), folded, folded.length));
}

function labelsOf(record: Uint8Array, data: DataView, name: Uint8Array): Record<string, string> {
  const queryFlags = data.getUint16(RECORD_QUERY_FLAGS, true);
  const answerFlags = data.getUint16(RECORD_ANSWER_FLAGS, true);
  const addressLength = data.getUint8(RECORD_ADDRESS_LENGTH);
  const address = record.slice(RECORD_ADDRESS, RECORD_ADDRESS + addressLength);
  const durationUs = data.getUint32(RECORD_DURATION_US, true);
  const isUdp = data.getUint8(RECORD_TRANSPORT) === 0;
  return {
    type: typeName(data.getUint16(RECORD_TYPE, true)),
    class: className(data.getUint16(RECORD_CLASS, true)),
    name: wireToName(foldWireName(name)),
    proto: isUdp ? "udp" : "tcp",
    size: String(data.getUint16(RECORD_QUERY_BYTES, true)),
    remote: addressLength === 4 ? address.join(".") : bracketed(ipv6Text(address)),
    port: String(data.getUint16(RECORD_PORT, true)),
    local: EMPTY,
    ">id": String(data.getUint16(RECORD_ID, true)),
    ">opcode": String((queryFlags >> OPCODE_SHIFT) & OPCODE_MASK),
    ">do": String(data.getUint8(RECORD_DNSSEC_OK) === 1),
    ">bufsize": String(isUdp ? data.getUint16(RECORD_UDP_SIZE, true) : TCP_SIZE_BYTES),
    rcode: rcodeName(answerFlags & RCODE_MASK),
    rsize: String(data.getUint16(RECORD_ANSWER_BYTES, true)),
    duration: `${decimal(durationUs / US_PER_SEC)}s`,
    ">rflags": flagNames(answerFlags),
  };
}

/** Replaces labels. What is none stays as it is, except for metadata, which we have none of. */
function fill(format: string, labels: Record<string, string>): string {
  return format.replace(/\{([^{} ]*)\}/g, (label, name: string) => {
    if (Object.hasOwn(labels, name)) return labels[name]!;
    return name.startsWith(METADATA_PREFIX) ? EMPTY : label;
  });
}

/** Without an exponent and without zeros at the end, for numbers with up to six decimals. */
function decimal(value: number): string {
  return value.toFixed(6).replace(/\.?0+$/, "");
}

function flagNames(flags: number): string {
  const names = FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? EMPTY : names.join(",");
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** Lines of the plugins `log` and `errors`, from the records that workers send. */

import type { ViewPlan } from "../handoff/plan.ts";
import {
  REASON_LOOP,
  REASON_MALFORMED,
  REASON_NO_ROUTE,
  REASON_REFUSED,
  REASON_TIMEOUT,
  REASON_UNREACHABLE,
  REASON_UP,
  REASON_UPSTREAMS_DOWN,
  RECORD_ADDRESS,
  RECORD_ADDRESS_LENGTH,
  RECORD_ANSWER_BYTES,
  RECORD_ANSWER_FLAGS,
  RECORD_CLASS,
  RECORD_DNSSEC_OK,
  RECORD_DURATION_US,
  RECORD_ID,
  RECORD_LOCAL,
  RECORD_LOG_CLASS,
  RECORD_NAME,
  RECORD_NAME_LENGTH,
  RECORD_PORT,
  RECORD_QUERY_BYTES,
  RECORD_QUERY_FLAGS,
  RECORD_REASON,
  RECORD_TEXT_LENGTH,
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

/**
 * The line for one answer, if it is wanted: the first `log` of the server block that holds the name
 * decides, as in CoreDNS.
 */
export function queryLine(record: Uint8Array, view: ViewPlan): string | null {
  const data = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const logClass = data.getUint8(RECORD_LOG_CLASS);
  const name = nameOf(record, data);
  const log = view.log.find(({ zones }) => holdsName(zones, name));
  if (log === undefined || (log.classes & logClass) === 0) return null;
  const isKept = holdsName(view.metadata, name);
  const metadata = isKept ? { "/forward/upstream": textOf(record, data) } : {};
  return `[INFO] ${fill(log.format, labelsOf(record, data, name), metadata)}`;
}

/** An error that a query met, as CoreDNS words it. */
export interface ErrorText {
  /** `2 example.org. A: read udp 192.0.2.1:53: i/o timeout`, the plugin's own line. */
  readonly line: string;
  /** What `consolidate` looks at: what comes after the name and the type. */
  readonly error: string;
}

export function errorText(record: Uint8Array): ErrorText {
  const data = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const name = wireToName(foldWireName(nameOf(record, data)));
  const type = typeName(data.getUint16(RECORD_TYPE, true));
  const error = reasonText(data.getUint8(RECORD_REASON), textOf(record, data), {
    isTcp: data.getUint8(RECORD_TRANSPORT) !== 0,
  });
  return { line: `${RCODE_SERVFAIL} ${name} ${type}: ${error}`, error };
}

/**
 * The words are those of CoreDNS, which people's alerts and `consolidate` lines look for, without
 * the port that the query left by.
 */
function reasonText(reason: number, upstream: string, { isTcp }: { isTcp: boolean }): string {
  const protocol = isTcp ? "tcp" : "udp";
  const where = upstream === "" ? protocol : `${protocol} ${upstream}`;
  switch (reason) {
    case REASON_TIMEOUT:
      return `read ${where}: i/o timeout`;
    case REASON_REFUSED:
      return isTcp
        ? `dial ${where}: connect: connection refused`
        : `read ${where}: read: connection refused`;
    case REASON_UNREACHABLE:
      return `dial ${where}: no upstream could be reached`;
    case REASON_MALFORMED:
      return `read ${where}: dns: malformed reply`;
    case REASON_UPSTREAMS_DOWN:
      return "no healthy upstreams: all are down (no healthy proxies)";
    case REASON_LOOP:
      return "all upstreams lead back here";
    case REASON_NO_ROUTE:
      return "no forward in this server block takes the name";
    default:
      return "unknown reason";
  }
}

/** `[ERROR] Recovered from panic in server block ".:53": TypeError: …`, as CoreDNS words it. */
export function panicLine(record: Uint8Array, view: ViewPlan): string {
  const data = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const length = data.getUint16(RECORD_ANSWER_BYTES, true);
  const text = new TextDecoder().decode(record.subarray(RECORD_NAME, RECORD_NAME + length));
  const shown = view.stacktrace ? text : (text.split("\n")[0] ?? "");
  return `[ERROR] Recovered from panic in server block "${view.name}": ${shown}`;
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

/** The text behind the name: an upstream's name. */
function textOf(record: Uint8Array, data: DataView): string {
  const start = RECORD_NAME + data.getUint8(RECORD_NAME_LENGTH);
  const length = data.getUint8(RECORD_TEXT_LENGTH);
  return new TextDecoder().decode(record.subarray(start, start + length));
}

function nameOf(record: Uint8Array, data: DataView): Uint8Array {
  return record.subarray(RECORD_NAME, RECORD_NAME + data.getUint8(RECORD_NAME_LENGTH));
}

function holdsName(zones: readonly string[], name: Uint8Array): boolean {
  const folded = foldWireName(name);
  return zones.some((zone) => isBelow(nameToWire(zone), folded, folded.length));
}

function labelsOf(record: Uint8Array, data: DataView, name: Uint8Array): Record<string, string> {
  const queryFlags = data.getUint16(RECORD_QUERY_FLAGS, true);
  const answerFlags = data.getUint16(RECORD_ANSWER_FLAGS, true);
  const addressLength = data.getUint8(RECORD_ADDRESS_LENGTH);
  const address = record.slice(RECORD_ADDRESS, RECORD_ADDRESS + addressLength);
  const local = record.slice(RECORD_LOCAL, RECORD_LOCAL + addressLength);
  const durationUs = data.getUint32(RECORD_DURATION_US, true);
  const isUdp = data.getUint8(RECORD_TRANSPORT) === 0;
  return {
    type: typeName(data.getUint16(RECORD_TYPE, true)),
    class: className(data.getUint16(RECORD_CLASS, true)),
    name: wireToName(foldWireName(name)),
    proto: isUdp ? "udp" : "tcp",
    size: String(data.getUint16(RECORD_QUERY_BYTES, true)),
    remote: addressText(address),
    port: String(data.getUint16(RECORD_PORT, true)),
    local: local.every((byte) => byte === 0) ? EMPTY : addressText(local),
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

/** Replaces labels. What is none stays as it is, except for metadata that there is none of. */
function fill(
  format: string,
  labels: Record<string, string>,
  metadata: Record<string, string>,
): string {
  return format.replace(/\{([^{} ]*)\}/g, (label, name: string) => {
    if (Object.hasOwn(labels, name)) return labels[name]!;
    if (!name.startsWith(METADATA_PREFIX)) return label;
    const value = Object.hasOwn(metadata, name) ? metadata[name]! : "";
    return value === "" ? EMPTY : value;
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

/** As in URLs: IPv6 in brackets. */
function addressText(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  return `[${ipv6Text(address)}]`;
}

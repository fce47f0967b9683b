import assert from "node:assert/strict";
import { test } from "node:test";
import {
  emptyViewPlan,
  LOG_ALL,
  LOG_DENIAL,
  LOG_ERROR,
  LOG_SUCCESS,
  type ViewPlan,
} from "../handoff/plan.ts";
import {
  REASON_MALFORMED,
  REASON_NO_ROUTE,
  REASON_REFUSED,
  REASON_TIMEOUT,
  REASON_UNREACHABLE,
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
import { nameToWire } from "../wire/name.ts";
import { errorText, panicLine, queryLine, textLine } from "./query_line.ts";

const COMMON =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" ' +
  "{rcode} {>rflags} {rsize} {duration}";
const QR_RD_RA = 0x8180;
const V4 = [192, 0, 2, 7];
const V6 = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

const USUAL = {
  name: "example.org.",
  type: 1,
  class: 1,
  transport: 0,
  durationUs: 1234,
  id: 29_008,
  queryFlags: 0x0100,
  queryBytes: 52,
  answerBytes: 136,
  udpSizeBytes: 4096,
  answerFlags: QR_RD_RA,
  port: 41_879,
  dnssecOk: 0,
  logClass: LOG_SUCCESS,
  address: V4,
  reason: 0,
  local: [] as number[],
  text: "",
};

function recordOf(parts: Partial<typeof USUAL> = {}): Uint8Array {
  const all = { ...USUAL, ...parts };
  const name = nameToWire(all.name);
  const text = new TextEncoder().encode(all.text);
  const record = new Uint8Array(RECORD_NAME + name.length + text.length);
  const view = new DataView(record.buffer);
  view.setUint8(RECORD_TRANSPORT, all.transport);
  view.setUint32(RECORD_DURATION_US, all.durationUs, true);
  view.setUint16(RECORD_ID, all.id, true);
  view.setUint16(RECORD_QUERY_FLAGS, all.queryFlags, true);
  view.setUint16(RECORD_TYPE, all.type, true);
  view.setUint16(RECORD_CLASS, all.class, true);
  view.setUint16(RECORD_QUERY_BYTES, all.queryBytes, true);
  view.setUint16(RECORD_ANSWER_BYTES, all.answerBytes, true);
  view.setUint16(RECORD_UDP_SIZE, all.udpSizeBytes, true);
  view.setUint16(RECORD_ANSWER_FLAGS, all.answerFlags, true);
  view.setUint16(RECORD_PORT, all.port, true);
  view.setUint8(RECORD_DNSSEC_OK, all.dnssecOk);
  view.setUint8(RECORD_LOG_CLASS, all.logClass);
  view.setUint8(RECORD_REASON, all.reason);
  view.setUint8(RECORD_ADDRESS_LENGTH, all.address.length);
  view.setUint8(RECORD_NAME_LENGTH, name.length);
  record.set(all.address, RECORD_ADDRESS);
  record.set(name, RECORD_NAME);
  view.setUint8(RECORD_TEXT_LENGTH, text.length);
  record.set(all.local, RECORD_LOCAL);
  record.set(text, RECORD_NAME + name.length);
  return record;
}

function viewWith(...log: ViewPlan["log"]): ViewPlan {
  return { id: 0, ...emptyViewPlan(".:53", ["."]), log };
}

function lineOf(format: string, parts: Partial<typeof USUAL> = {}): string | null {
  return queryLine(recordOf(parts), viewWith({ zones: ["."], format, classes: LOG_ALL }));
}

test("queryLine() writes the common format as CoreDNS does", () => {
  const cases: [parts: Partial<typeof USUAL>, line: string][] = [
    [
      {},
      '192.0.2.7:41879 - 29008 "A IN example.org. udp 52 false 4096" NOERROR qr,rd,ra 136 0.001234s',
    ],
    [
      { address: V6, dnssecOk: 1, durationUs: 0, type: 28, answerFlags: QR_RD_RA | 0x0233 },
      '[2001:db8::7]:41879 - 29008 "AAAA IN example.org. udp 52 true 4096" NXDOMAIN ' +
        "qr,tc,rd,ra,ad,cd 136 0s",
    ],
    // CoreDNS shows names in lower case, and for TCP what a client can take by it.
    [
      { name: "WwW.Example.ORG.", transport: 1, udpSizeBytes: 512, durationUs: 4_200_000 },
      '192.0.2.7:41879 - 29008 "A IN www.example.org. tcp 52 false 65535" NOERROR qr,rd,ra 136 4.2s',
    ],
  ];
  for (const [parts, line] of cases) assert.equal(lineOf(COMMON, parts), `[INFO] ${line}`);
});

test("queryLine() writes durations without an exponent or noise", () => {
  const cases: [durationUs: number, text: string][] = [
    [1, "0.000001s"],
    [999, "0.000999s"],
    [100_000, "0.1s"],
    [1_000_000, "1s"],
    [4_199_999, "4.199999s"],
  ];
  for (const [durationUs, text] of cases) {
    assert.equal(lineOf("{duration}", { durationUs }), `[INFO] ${text}`);
  }
});

test("queryLine() fills labels and leaves everything else as it is", () => {
  const cases: [format: string, text: string][] = [
    ["{>opcode}", "2"],
    ["{/kubernetes/endpoint}", "-"],
    ["{local}", "-"],
    ["{nothing} {constructor} {toString}", "{nothing} {constructor} {toString}"],
    ["{ {name} }", "{ example.org. }"],
    ["} {name} {", "} example.org. {"],
    ['{"q":"{name}"}', '{"q":"example.org."}'],
    ["$& {rcode}", "$& NOERROR"],
    ["{name}{name}", "example.org.example.org."],
  ];
  for (const [format, text] of cases) {
    assert.equal(lineOf(format, { queryFlags: 2 << 11 }), `[INFO] ${text}`, format);
  }
});

test("queryLine() is by the first `log` that holds the name, if it wants the class", () => {
  const view = viewWith(
    { zones: ["example.org.", "example.com."], format: "zone", classes: LOG_SUCCESS | LOG_DENIAL },
    { zones: ["denied.test."], format: "denial", classes: LOG_DENIAL },
    { zones: ["."], format: "all", classes: LOG_ALL },
  );
  const cases: [parts: Partial<typeof USUAL>, line: string | null][] = [
    [{}, "zone"],
    [{ name: "www.EXAMPLE.com." }, "zone"],
    [{ name: "notexample.org." }, "all"],
    [{ logClass: LOG_DENIAL }, "zone"],
    [{ logClass: LOG_ERROR }, null],
    [{ name: "a.denied.test." }, null],
    [{ name: "a.denied.test.", logClass: LOG_DENIAL }, "denial"],
    [{ name: "test.", logClass: LOG_ERROR }, "all"],
  ];
  for (const [parts, line] of cases) {
    const expected = line === null ? null : `[INFO] ${line}`;
    assert.equal(queryLine(recordOf(parts), view), expected);
  }
  assert.equal(queryLine(recordOf(), viewWith()), null);
});

test("errorText() is in the words of CoreDNS, with the upstream that was asked last", () => {
  const upstream = "192.0.2.53:53";
  const cases: [parts: Partial<typeof USUAL>, error: string][] = [
    [{ reason: REASON_TIMEOUT, text: upstream }, "read udp 192.0.2.53:53: i/o timeout"],
    [
      { reason: REASON_TIMEOUT, text: "[2001:db8::53]:53", transport: 1 },
      "read tcp [2001:db8::53]:53: i/o timeout",
    ],
    [
      { reason: REASON_REFUSED, text: upstream },
      "read udp 192.0.2.53:53: read: connection refused",
    ],
    [
      { reason: REASON_REFUSED, text: upstream, transport: 1 },
      "dial tcp 192.0.2.53:53: connect: connection refused",
    ],
    [{ reason: REASON_UNREACHABLE }, "dial udp: no upstream could be reached"],
    [{ reason: REASON_MALFORMED, text: upstream }, "read udp 192.0.2.53:53: dns: malformed reply"],
    [{ reason: REASON_UPSTREAMS_DOWN }, "no healthy upstreams: all are down (no healthy proxies)"],
    [{ reason: REASON_NO_ROUTE }, "no forward in this server block takes the name"],
  ];
  for (const [parts, error] of cases) {
    assert.deepEqual(errorText(recordOf({ ...parts, name: "Example.org.", type: 28 })), {
      line: `2 example.org. AAAA: ${error}`,
      error,
    });
  }
});

test("panicLine() says where it comes from only with stacktrace", () => {
  const text = new TextEncoder().encode("TypeError: x is null\n    at f (a.js:1:2)");
  const record = new Uint8Array(RECORD_NAME + text.length);
  new DataView(record.buffer).setUint16(RECORD_ANSWER_BYTES, text.length, true);
  record.set(text, RECORD_NAME);
  const start = '[ERROR] Recovered from panic in server block ".:53": TypeError: x is null';
  assert.equal(panicLine(record, viewWith()), start);
  assert.equal(
    panicLine(record, { ...viewWith(), stacktrace: true }),
    `${start}\n    at f (a.js:1:2)`,
  );
});

test("queryLine() knows the upstream where metadata is kept", () => {
  const format = "{/forward/upstream} {/other/label}";
  const view = viewWith({ zones: ["."], format, classes: LOG_ALL });
  const record = recordOf({ text: "192.0.2.53:53" });
  assert.equal(queryLine(record, view), "[INFO] - -");
  const keeping = { ...view, metadata: ["example.org."] };
  assert.equal(queryLine(record, keeping), "[INFO] 192.0.2.53:53 -");
  assert.equal(queryLine(recordOf(), keeping), "[INFO] - -");
  const elsewhere = { ...view, metadata: ["example.net."] };
  assert.equal(queryLine(record, elsewhere), "[INFO] - -");
});

test("queryLine() shows the address that was asked", () => {
  assert.equal(lineOf("{local}", { local: [192, 0, 2, 53] }), "[INFO] 192.0.2.53");
  assert.equal(lineOf("{local}", { address: V6, local: V6 }), "[INFO] [2001:db8::7]");
  assert.equal(lineOf("{local}"), "[INFO] -");
});

test("queryLine() escapes bytes that would break a line", () => {
  assert.equal(lineOf("{name}", { name: "a\\010b.example.org." }), "[INFO] a\\010b.example.org.");
});

test("textLine() is what the worker has worded", () => {
  const text = "[INFO] plugin/loop: upstream 192.0.2.1:53 no longer leads back here";
  const record = new Uint8Array(RECORD_NAME + text.length);
  record.set(new TextEncoder().encode(text), RECORD_NAME);
  assert.equal(textLine(record), text);
});

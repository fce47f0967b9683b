import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalIpAddress, formatEndpoint, parseIpAddress, parsePort } from "./ip_address.ts";

test("canonicalIpAddress() gives equal addresses one text (RFC 5952)", () => {
  const cases: [string, string | null][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
    ["fe80::1%eth0", null],
    ["192.0.2", null],
    ["192.0.2.256", null],
    ["example.org", null],
    ["", null],
  ];
  for (const [text, expected] of cases) assert.equal(canonicalIpAddress(text), expected, text);
});

test("parseIpAddress() gives bytes in network order", () => {
  assert.deepEqual(parseIpAddress("192.0.2.1"), Uint8Array.of(192, 0, 2, 1));
  const bytes = parseIpAddress("2001:db8::ff") ?? new Uint8Array();
  assert.equal(Buffer.from(bytes).toString("hex"), "20010db80000000000000000000000ff");
});

test("formatEndpoint() puts brackets round IPv6 only", () => {
  assert.equal(formatEndpoint("192.0.2.1", 53), "192.0.2.1:53");
  assert.equal(formatEndpoint("2001:db8::1", 53), "[2001:db8::1]:53");
});

test("parsePort() reads 0 to 65535 in decimal and nothing else", () => {
  assert.equal(parsePort("0"), 0);
  assert.equal(parsePort("65535"), 65535);
  for (const text of ["", "65536", "-1", "+1", "1e3", " 1", "000053"]) {
    assert.equal(parsePort(text), null, text);
  }
});

import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { AF_INET, AF_INET6 } from "./layout.ts";
import { Slab } from "./slab.ts";
import {
  familyOf,
  ipv6Bytes,
  ipv6Text,
  readAddress,
  readPort,
  SOCKADDR_BYTES_MAX,
  writeSockaddr,
} from "./sockaddr.ts";

const AT = 32;

function slab(): Slab {
  const made = new Slab(new SharedArrayBuffer(AT + 2 * SOCKADDR_BYTES_MAX), 0n);
  made.bytes.fill(0xee);
  return made;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

test("writeSockaddr() writes what the kernel reads, and nothing beyond", () => {
  const cases: [address: string, port: number, expected: string][] = [
    ["192.0.2.1", 53, "02000035c00002010000000000000000"],
    ["127.0.0.1", 65_535, "0200ffff7f0000010000000000000000"],
    ["2001:db8::1", 53, "0a0000350000000020010db800000000000000000000000100000000"],
    ["::", 0, "0a00000000000000000000000000000000000000000000000000000000"],
    ["fe80::2%3", 853, "0a00035500000000fe80000000000000000000000000000203000000"],
    ["::ffff:192.0.2.1", 53, "0a0000350000000000000000000000000000ffffc000020100000000"],
  ];
  for (const [address, port, expected] of cases) {
    const memory = slab();
    const length = writeSockaddr(memory, AT, address, port);
    assert.equal(length, address.includes(":") ? 28 : 16);
    const written = hex(memory.bytes.slice(AT, AT + length));
    assert.equal(written, expected.padEnd(length * 2, "0").slice(0, length * 2), address);
    assert.equal(memory.bytes[AT - 1], 0xee);
    assert.equal(memory.bytes[AT + length], 0xee);
  }
});

test("writeSockaddr() throws TypeError for what is no address", () => {
  for (const address of ["", "localhost", "192.0.2", "192.0.2.256", "2001:db8::1::2", "::1]"]) {
    assert.throws(() => writeSockaddr(slab(), AT, address, 53), TypeError, address);
  }
});

test("readAddress() and readPort() read back any address and port", () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6().filter(isIPv6));
  fc.assert(
    fc.property(address, fc.nat(65_535), (text, port) => {
      const memory = slab();
      writeSockaddr(memory, AT, text, port);
      const again = readAddress(memory, AT);
      assert.equal(readPort(memory, AT), port);
      if (familyOf(text) === AF_INET) assert.equal(again, text);
      else if (familyOf(again) === AF_INET6) assert.deepEqual(ipv6Bytes(again), ipv6Bytes(text));
      else assert.equal(hex(ipv6Bytes(text).slice(0, 12)), "00000000000000000000ffff");
    }),
  );
});

test("ipv6Text() shortens as RFC 5952 §4 says", () => {
  const cases: [from: string, to: string][] = [
    ["2001:0db8:0:0:0:0:0:0001", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["fe80:0:0:0:0:0:0:0", "fe80::"],
    ["0:0:0:0:0:ffff:c000:201", "192.0.2.1"],
    ["2001:DB8::ABCD", "2001:db8::abcd"],
  ];
  for (const [from, to] of cases) assert.equal(ipv6Text(ipv6Bytes(from)), to);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOfReverseName } from "./reverse_name.ts";

test("addressOfReverseName() reads addresses of both families, and nothing else", () => {
  const cases: [name: string, address: string | null][] = [
    ["1.2.0.192.in-addr.arpa.", "192.0.2.1"],
    [`1${".0".repeat(23)}.8.b.d.0.1.0.0.2.ip6.arpa.`, "2001:db8::1"],
    [`1${".0".repeat(31)}.ip6.arpa.`, "::1"],
    ["2.0.192.in-addr.arpa.", null],
    ["0.1.2.0.192.in-addr.arpa.", null],
    ["256.2.0.192.in-addr.arpa.", null],
    ["01.2.0.192.in-addr.arpa.", null],
    [`${"0.".repeat(31)}ip6.arpa.`, null],
    [`g.${"0.".repeat(31)}ip6.arpa.`, null],
    ["in-addr.arpa.", null],
    ["www.example.org.", null],
  ];
  for (const [name, address] of cases) assert.equal(addressOfReverseName(name), address, name);
});

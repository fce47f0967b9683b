import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { bindSetup } from "./setup.ts";

const INTERFACES = [
  { name: "lo", addresses: ["127.0.0.1", "::1"] },
  { name: "eth0", addresses: ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"] },
  { name: "empty0", addresses: [] },
];

function check(directives: string, addresses: string[], problems: string[] = []): void {
  const result = readSetup(bindSetup, directives, { interfaces: INTERFACES });
  assert.deepEqual(result.problems, problems, directives);
  assert.deepEqual(result.view.addresses, addresses, directives);
}

test("bind: addresses of all lines are listened on, each once and in canonical form", () => {
  check("bind 169.254.20.10 192.0.2.10", ["169.254.20.10", "192.0.2.10"]);
  check("bind 127.0.0.1\nbind ::1 127.0.0.1", ["127.0.0.1", "::1"]);
  check("bind 2001:DB8:0::1 [::1]", ["2001:db8::1", "::1"]);
});

test("bind: an interface stands for its addresses without the link-local ones of IPv6", () => {
  check("bind lo", ["127.0.0.1", "::1"]);
  const warning =
    '2: Address fe80::1%eth0 of interface "eth0" is left out: this version does not listen on ' +
    "link-local IPv6 addresses";
  check("bind eth0", ["192.0.2.1", "2001:db8::1"], [warning]);
});

test("bind: except takes addresses and interfaces away", () => {
  check("bind lo {\nexcept ::1\n}", ["127.0.0.1"]);
  check("bind lo 192.0.2.10 {\nexcept lo\n}", ["192.0.2.10"]);
  check("bind lo {\nexcept lo\n}", [], ["2: Cannot listen anywhere: except leaves no address"]);
});

test("bind: a wildcard of either family is all addresses of both", () => {
  check("bind 0.0.0.0", []);
  check("bind ::", []);
  check("bind 127.0.0.1 0.0.0.0", []);
});

test("bind: what is no address and no interface is reported", () => {
  const wanted = "expected an IP address or an interface, got";
  check("bind", [], ["2: Missing argument: expected bind ADDRESS|INTERFACE..."]);
  check("bind eth1", [], [`2: Cannot read address: ${wanted} "eth1": did you mean "eth0"?`]);
  check(
    "bind 127.0.0.1:53",
    [],
    [`2: Cannot read address: ${wanted} "127.0.0.1:53": interfaces are lo, eth0, empty0`],
  );
  check("bind empty0", [], ['2: Cannot listen on interface "empty0": it has no address']);
  check(
    "bind lo {\nexept ::1\nexcept\n}",
    [],
    [
      '3: Unknown option "exept": did you mean "except"?',
      '4: Missing argument after "except": expected except ADDRESS|INTERFACE...',
    ],
  );
});

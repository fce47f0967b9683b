import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIpAddress } from "../../std/ip_address.ts";
import { RCODE_NOERROR, RCODE_REFUSED } from "../../wire/constants.ts";
import { frontPlugin, queryAsking, requestAsking } from "../testing.ts";
import { aclSetup } from "./setup.ts";

type Outcome = "allow" | "block" | "filter" | "drop";

/** What `handle` does; `wants` must agree. */
function outcome(directives: string, question: string, address: string): Outcome {
  const plugin = frontPlugin(aclSetup, directives);
  const bytes = parseIpAddress(address)!;
  const padded = Uint8Array.of(1, ...bytes);
  const wants = plugin.wants(queryAsking(question), {
    bytes: padded,
    offset: 1,
    length: bytes.length,
  });
  const request = requestAsking(question);
  let found: Outcome | null = null;
  plugin.handle(
    { ...request, client: { ...request.client, address, addressBytes: bytes } },
    () => {
      found = "allow";
    },
    (answer) => {
      assert.deepEqual(answer?.answers ?? [], []);
      if (answer === null) found = "drop";
      else if (answer.rcode === RCODE_REFUSED) found = "block";
      else if (answer.rcode === RCODE_NOERROR) found = "filter";
    },
  );
  assert.ok(found !== null);
  assert.equal(wants, found !== "allow");
  return found;
}

test("AclPlugin takes the first policy that fits, in its zones", () => {
  const nets = "acl {\nallow net 192.0.2.0/25\nblock net 192.0.2.0/24 2001:db8::/33\n}";
  const types = "acl {\nfilter type AAAA HTTPS\ndrop type ANY\n}";
  const zones = "acl a.example.org {\nblock\n}\nacl example.org {\nallow type A\nfilter\n}";
  const all = "acl {\nallow net 192.0.2.7\nblock\n}";
  const cases: [directives: string, question: string, address: string, outcome: Outcome][] = [
    [nets, "x. A", "192.0.2.127", "allow"],
    [nets, "x. A", "192.0.2.128", "block"],
    [nets, "x. A", "192.0.3.1", "allow"],
    [nets, "x. A", "::ffff:192.0.2.128", "block"],
    [nets, "x. A", "2001:db8:7fff::1", "block"],
    [nets, "x. A", "2001:db8:8000::1", "allow"],
    [types, "x. AAAA", "192.0.2.1", "filter"],
    [types, "x. HTTPS", "192.0.2.1", "filter"],
    [types, "x. ANY", "192.0.2.1", "drop"],
    [types, "x. A", "192.0.2.1", "allow"],
    [zones, "x.A.example.org. A", "192.0.2.1", "block"],
    [zones, "b.example.org. A", "192.0.2.1", "allow"],
    [zones, "b.example.org. MX", "192.0.2.1", "filter"],
    [zones, "example.net. MX", "192.0.2.1", "allow"],
    [all, "x. A", "192.0.2.7", "allow"],
    [all, "x. A", "192.0.2.8", "block"],
    [all, "x. A", "2001:db8::1", "block"],
    ["acl {\nblock net 0.0.0.0/0\n}", "x. A", "203.0.113.9", "block"],
    ["acl {\nblock net 0.0.0.0/0\n}", "x. A", "2001:db8::1", "allow"],
  ];
  for (const [directives, question, address, expected] of cases) {
    assert.equal(outcome(directives, question, address), expected, `${question} ${address}`);
  }
});

test("AclPlugin counts what it does", () => {
  const counts = {};
  const directives = "acl {\nblock type A\nfilter type AAAA\ndrop type TXT\n}";
  const plugin = frontPlugin(aclSetup, directives, { counts });
  const client = { bytes: new Uint8Array(4), offset: 0, length: 4 };
  assert.equal(plugin.wants(queryAsking("x. MX"), client), false);
  assert.deepEqual(counts, {}, "another plugin may want it");
  plugin.pass?.();
  for (const type of ["A", "AAAA", "TXT", "SRV"]) {
    plugin.handle(
      requestAsking(`x. ${type}`),
      () => {},
      () => {},
    );
  }
  assert.deepEqual(counts, {
    coredns_acl_allowed_requests_total: 2,
    coredns_acl_blocked_requests_total: 1,
    coredns_acl_filtered_requests_total: 1,
    coredns_acl_dropped_requests_total: 1,
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { FLAG_AA, RCODE_SERVFAIL } from "../../wire/constants.ts";
import { parseRecord } from "../../wire/record_text.ts";
import { backPlugin, requestAsking } from "../testing.ts";
import { hostsSetup } from "./setup.ts";

const FILE = `
# a comment
127.0.0.1 localhost localhost.localdomain
::1 localhost  # and another
192.0.2.1\tWWW.Example.ORG  www
192.0.2.2 www.example.org
192.0.2.2 www.example.org
fe80::1%eth0 link
192.0.2.9 *.wild.example.org
192.0.2.10 named.wild.example.org
2001:db8::1 six.example.org
192.0.2.3
not-an-address x.example.org
192.0.2.4 bad..name good.example.org
`;

function hosts(options = "", zones = "") {
  return backPlugin(hostsSetup, `hosts /etc/hosts ${zones} {\n${options}\n}`, {
    files: { "/etc/hosts": FILE },
  });
}

test("HostsPlugin.answer() finds addresses and names", () => {
  const cases: [question: string, answers: string[]][] = [
    ["localhost. A", ["localhost. A 127.0.0.1"]],
    ["localhost. AAAA", ["localhost. AAAA ::1"]],
    ["localhost.localdomain. A", ["localhost.localdomain. A 127.0.0.1"]],
    ["www.example.org. A", ["www.example.org. A 192.0.2.1", "www.example.org. A 192.0.2.2"]],
    ["www. A", ["www. A 192.0.2.1"]],
    ["link. AAAA", ["link. AAAA fe80::1"]],
    ["a.wild.example.org. A", ["a.wild.example.org. A 192.0.2.9"]],
    ["named.wild.example.org. A", ["named.wild.example.org. A 192.0.2.10"]],
    ["good.example.org. A", ["good.example.org. A 192.0.2.4"]],
    [
      "1.2.0.192.in-addr.arpa. PTR",
      ["1.2.0.192.in-addr.arpa. PTR www.example.org.", "1.2.0.192.in-addr.arpa. PTR www."],
    ],
    [
      `1${".0".repeat(23)}.8.b.d.0.1.0.0.2.ip6.arpa. PTR`,
      [`1${".0".repeat(23)}.8.b.d.0.1.0.0.2.ip6.arpa. PTR six.example.org.`],
    ],
    // The name exists with other types.
    ["www.example.org. AAAA", []],
    ["www.example.org. MX", []],
    ["six.example.org. A", []],
    ["a.wild.example.org. TXT", []],
  ];
  for (const plugin of [hosts(), hosts("fallthrough")]) {
    for (const [question, answers] of cases) {
      const answer = plugin.answer(requestAsking(question));
      assert.deepEqual(answer?.answers, answers.map(parseRecord), question);
      assert.equal(answer?.flags, FLAG_AA);
    }
  }
});

test("HostsPlugin.answer() is SERVFAIL for other names, unless they fall through", () => {
  for (const question of ["x.example.org. A", "wild.example.org. A", "b.a.wild.example.org. A"]) {
    assert.equal(hosts().answer(requestAsking(question))?.rcode, RCODE_SERVFAIL, question);
    assert.equal(hosts("fallthrough").answer(requestAsking(question)), null);
    assert.equal(hosts("fallthrough example.org").answer(requestAsking(question)), null);
    assert.equal(hosts("fallthrough net").answer(requestAsking(question))?.rcode, RCODE_SERVFAIL);
  }
  for (const question of ["9.2.0.192.in-addr.arpa. PTR", "www.example.org. PTR"]) {
    assert.equal(hosts().answer(requestAsking(question)), null, question);
  }
});

test("HostsPlugin.answer() minds zones, no_reverse, ttl and fallthrough_unsupported", () => {
  const inNet = hosts("", "example.net");
  assert.equal(inNet.answer(requestAsking("www.example.org. A")), null);
  assert.equal(inNet.answer(requestAsking("1.2.0.192.in-addr.arpa. PTR")), null);
  const inOrg = hosts("ttl 60", "example.org");
  const [record] = inOrg.answer(requestAsking("1.2.0.192.in-addr.arpa. PTR"))?.answers ?? [];
  assert.deepEqual(record, parseRecord("1.2.0.192.in-addr.arpa. 60 PTR www.example.org."));
  assert.equal(hosts("no_reverse").answer(requestAsking("1.2.0.192.in-addr.arpa. PTR")), null);
  const open = hosts("fallthrough\nfallthrough_unsupported");
  assert.equal(open.answer(requestAsking("www.example.org. TXT")), null);
  assert.equal(open.answer(requestAsking("www.example.org. AAAA"))?.flags, FLAG_AA);
});

test("hosts holds ten thousand lines", () => {
  const lines = Array.from(
    { length: 10_000 },
    (_, n) => `10.${n >> 8}.${n & 0xff}.1 host-${n}.example.org alias-${n}`,
  );
  const plugin = backPlugin(hostsSetup, "hosts", { files: { "/etc/hosts": lines.join("\n") } });
  const answer = plugin.answer(requestAsking("host-9999.example.org. A"));
  assert.deepEqual(answer?.answers, [parseRecord("host-9999.example.org. A 10.39.15.1")]);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask } from "./dns_client.ts";
import { type FixtureUpstream, startFixtureUpstream } from "./fixture_upstream.ts";

let upstream: FixtureUpstream;
before(async () => {
  upstream = await startFixtureUpstream();
});
after(() => upstream.close());

test("startFixtureUpstream() answers an address by UDP and by TCP", async () => {
  for (const transport of ["udp", "tcp"] as const) {
    const reply = await ask(upstream.port, "Example.org", "A", { transport });
    assert.equal(reply.rcode, "NOERROR");
    assert.deepEqual(
      reply.answers?.map((record) => [record.name, record.type, "data" in record && record.data]),
      [["Example.org", "A", "192.0.2.10"]],
    );
  }
  assert.deepEqual(upstream.queries, ["udp Example.org A", "tcp Example.org A"]);
});

test("startFixtureUpstream() follows a CNAME inside the zone", async () => {
  const reply = await ask(upstream.port, "www.example.org", "A");
  assert.deepEqual(
    reply.answers?.map((record) => `${record.name} ${record.type}`),
    ["www.example.org CNAME", "web.frontend.example.org A", "web.frontend.example.org A"],
  );
});

test("startFixtureUpstream() truncates by UDP what it sends whole by TCP", async () => {
  const short = await ask(upstream.port, "large.example.org", "TXT");
  assert.equal(short.flag_tc, true);
  assert.equal(short.answers?.length, 0);
  const whole = await ask(upstream.port, "large.example.org", "TXT", { transport: "tcp" });
  assert.equal(whole.flag_tc, false);
  assert.equal(whole.answers?.length, 8);
});

test("startFixtureUpstream() tells missing name, missing type and foreign zone apart", async () => {
  const cases = [
    ["none.example.org", "A", "NXDOMAIN", 1],
    ["mail.example.org", "AAAA", "NOERROR", 1],
    ["frontend.example.org", "A", "NOERROR", 1],
    ["a.wild.example.org", "MX", "NOERROR", 1],
    ["example.net", "A", "REFUSED", 0],
  ] as const;
  for (const [name, type, rcode, soaCount] of cases) {
    const reply = await ask(upstream.port, name, type);
    assert.equal(reply.rcode, rcode, name);
    assert.equal(reply.answers?.length, 0, name);
    const ttls = reply.authorities?.map((record) => "ttl" in record && record.ttl);
    assert.deepEqual(ttls, Array(soaCount).fill(60), name);
  }
});

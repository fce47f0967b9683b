import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DnsOpt } from "../../tests/support/dns_message.ts";
import { plainOpt } from "../../tests/support/dns_peers.ts";
import { ForwardFixture } from "../../tests/support/forward_fixture.ts";
import { simMetrics, sumOf } from "../../tests/support/sim_metrics.ts";
import { TIME_BOUNDS, TIME_BUCKETS } from "../handoff/metrics_memory.ts";
import { countTime } from "./count_answer.ts";

const NAME = "www.example.org.";
const SOA = ["example.org. 300 SOA ns1.example.org. host.example.org. 1 7200 3600 1209600 60"];
const SCOPE = 'server="dns://192.0.2.53:53",zone=".",view=""';
const UPSTREAM = 'to="198.51.100.1:53"';

/** Asks, and lets the upstream answer if it is asked. */
function exchange(fixture: ForwardFixture, type: string, reply: object, opt?: DnsOpt): void {
  fixture.client.ask(NAME, { type, ...(opt === undefined ? {} : { opt }) });
  fixture.settle();
  if (fixture.upstream.count > 0) fixture.upstream.take().reply(reply);
  fixture.settle();
}

test("an answer is counted with its query, whoever gives it", () => {
  const fixture = new ForwardFixture({ block: "cache\n  prometheus" });
  exchange(fixture, "A", { answer: [`${NAME} 300 A 192.0.2.1`] });
  exchange(fixture, "A", {}, plainOpt());
  exchange(fixture, "AAAA", { authority: SOA });
  exchange(fixture, "AAAA", {});
  exchange(fixture, "AAAA", { authority: SOA }, plainOpt(1232, true));
  exchange(fixture, "TYPE4711", { rcode: 3, authority: SOA });
  const samples = simMetrics(fixture.server);
  const cases: [key: string, value: number][] = [
    [`coredns_dns_requests_total{${SCOPE},proto="udp",family="1",type="A"}`, 2],
    [`coredns_dns_requests_total{${SCOPE},proto="udp",family="1",type="AAAA"}`, 3],
    [`coredns_dns_do_requests_total{${SCOPE}}`, 1],
    [`coredns_dns_requests_total{${SCOPE},proto="udp",family="1",type="other"}`, 1],
    [`coredns_dns_responses_total{${SCOPE},rcode="NOERROR",plugin="forward"}`, 3],
    [`coredns_dns_responses_total{${SCOPE},rcode="NOERROR",plugin="cache"}`, 2],
    [`coredns_dns_responses_total{${SCOPE},rcode="NXDOMAIN",plugin="forward"}`, 1],
    [`coredns_dns_request_duration_seconds_count{${SCOPE}}`, 6],
    [`coredns_dns_request_size_bytes_count{${SCOPE},proto="udp"}`, 6],
    [`coredns_dns_response_size_bytes_count{${SCOPE},proto="udp"}`, 6],
    ['coredns_cache_requests_total{server="dns://192.0.2.53:53",zones=".",view=""}', 6],
    ['coredns_cache_misses_total{server="dns://192.0.2.53:53",zones=".",view=""}', 4],
    ['coredns_cache_hits_total{server="dns://192.0.2.53:53",type="success",zones=".",view=""}', 1],
    ['coredns_cache_hits_total{server="dns://192.0.2.53:53",type="denial",zones=".",view=""}', 1],
    ['coredns_cache_entries{server="dns://192.0.2.53:53",type="success",zones=".",view=""}', 1],
    ['coredns_cache_entries{server="dns://192.0.2.53:53",type="denial",zones=".",view=""}', 3],
    [`coredns_forward_requests_total{${UPSTREAM}}`, 4],
    [`coredns_forward_responses_total{${UPSTREAM},rcode="NOERROR"}`, 3],
    [`coredns_forward_responses_total{${UPSTREAM},rcode="NXDOMAIN"}`, 1],
  ];
  for (const [key, value] of cases) assert.equal(samples.get(key), value, key);
});

test("time, size, protocol and failure of an answer are counted", () => {
  const fixture = new ForwardFixture({ block: "cache\n  prometheus", forward: "max_fails 0" });
  const tcp = fixture.tcpClient();
  fixture.settle();
  tcp.ask(NAME, { type: "TXT" });
  fixture.settle();
  fixture.pass(100);
  const text = `"${"x".repeat(250)}"`;
  fixture.upstream.take().reply({ answer: [`${NAME} 300 TXT ${text}`] });
  fixture.settle();
  let samples = simMetrics(fixture.server);
  const times = `coredns_dns_request_duration_seconds_bucket{${SCOPE}`;
  assert.equal(samples.get(`${times},le="0.064"}`), 0);
  assert.equal(samples.get(`${times},le="0.128"}`), 1);
  const sizes = `coredns_dns_response_size_bytes_bucket{${SCOPE},proto="tcp"`;
  assert.equal(samples.get(`${sizes},le="200"}`), 0);
  assert.equal(samples.get(`${sizes},le="300"}`), 1);
  assert.equal(sumOf(samples, "coredns_dns_requests_total", 'proto="tcp"', 'type="TXT"'), 1);
  fixture.client.ask("lost.example.org.");
  fixture.pass(5000);
  samples = simMetrics(fixture.server);
  assert.equal(sumOf(samples, "coredns_dns_responses_total", 'rcode="SERVFAIL"', 'plugin=""'), 1);
  assert.equal(samples.get(`${times},le="4.096"}`), 1);
  assert.equal(samples.get(`${times},le="8.192"}`), 2);
});

test("what no zone takes is counted as dropped, and blocks without prometheus not at all", () => {
  const fixture = new ForwardFixture({ block: "cache\n  prometheus" });
  fixture.server.reload(
    "example.org {\nbind 192.0.2.53\nforward . 198.51.100.1\nprometheus\n}\n" +
      "example.net {\nbind 192.0.2.53\nwhoami\n}\n",
  );
  for (const name of ["example.com.", "example.net.", "example.org."]) fixture.client.ask(name);
  fixture.settle();
  fixture.upstream.take().reply({ rcode: 3, authority: SOA });
  fixture.settle();
  const samples = simMetrics(fixture.server);
  const counted = [...samples].filter(([key]) => key.startsWith("coredns_dns_responses_total"));
  const server = 'server="dns://192.0.2.53:53"';
  assert.deepEqual(counted.sort(), [
    [`coredns_dns_responses_total{${server},zone="dropped",view="",rcode="REFUSED",plugin=""}`, 1],
    [
      `coredns_dns_responses_total{${server},zone="example.org.",view="",rcode="NXDOMAIN",plugin="forward"}`,
      1,
    ],
  ]);
});

test("counters go on over a reload, and so does a plugin's answer under its name", () => {
  const block = (more: string) => `. {\nbind 192.0.2.53\nprometheus\n${more}\n}\n`;
  const fixture = new ForwardFixture({ block: "cache\n  prometheus" });
  fixture.server.reload(block("whoami"));
  fixture.client.ask(NAME);
  fixture.settle();
  fixture.server.reload(block("cache\nwhoami"));
  fixture.client.ask(NAME);
  fixture.settle();
  const samples = simMetrics(fixture.server);
  assert.equal(sumOf(samples, "coredns_dns_responses_total", SCOPE, 'plugin="whoami"'), 2);
});

test("countTime() finds the first bucket that is not below", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 20_000, noNaN: true }), (ms) => {
      const rows = new Float64Array(TIME_BUCKETS + 1);
      countTime(rows, 0, ms);
      const expected = TIME_BOUNDS.findIndex((bound) => ms / 1000 <= bound);
      // The first bucket is not counted.
      const found = rows.subarray(0, TIME_BUCKETS).indexOf(1);
      assert.equal(found, expected === 0 ? -1 : expected < 0 ? TIME_BUCKETS - 1 : expected);
      assert.equal(rows[TIME_BUCKETS], ms / 1000);
    }),
  );
});

test("stale answers and what is not kept are counted where they are given", () => {
  const block = "cache {\n    serve_stale 1h immediate\n  }\n  prometheus";
  const fixture = new ForwardFixture({ block });
  exchange(fixture, "A", { answer: [`${NAME} 10 A 192.0.2.1`] });
  fixture.pass(20_000);
  exchange(fixture, "A", { answer: [`${NAME} 10 A 192.0.2.1`] });
  exchange(fixture, "AAAA", { answer: [`${NAME} 0 AAAA 2001:db8::1`] });
  const samples = simMetrics(fixture.server);
  assert.equal(sumOf(samples, "coredns_cache_served_stale_total"), 1);
  assert.equal(sumOf(samples, "coredns_cache_drops_total"), 1);
  assert.equal(sumOf(samples, "coredns_dns_responses_total", 'plugin="cache"'), 1);
  assert.equal(sumOf(samples, "coredns_dns_responses_total", 'plugin="forward"'), 2);
  assert.equal(sumOf(samples, "coredns_cache_requests_total"), 3);
});

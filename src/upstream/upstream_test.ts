import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ATTEMPT_TIMEOUT_MS_MAX, ATTEMPT_TIMEOUT_MS_MIN } from "../limits.ts";
import { UPSTREAM_DEFAULTS, Upstream, type UpstreamSettings } from "./upstream.ts";

function upstream(parts: Partial<UpstreamSettings> = {}): Upstream {
  return new Upstream({ address: "192.0.2.1", port: 53, ...UPSTREAM_DEFAULTS, ...parts });
}

test("Upstream.name has brackets around an IPv6 address", () => {
  assert.equal(upstream().name, "192.0.2.1:53");
  assert.equal(upstream({ address: "2001:db8::1", port: 5353 }).name, "[2001:db8::1]:5353");
});

test("Upstream.isDown after more failures in a row than maxFails, said once", () => {
  const cases = [
    { maxFails: 0, failures: 9, downs: [] },
    { maxFails: 1, failures: 4, downs: [2] },
    { maxFails: 2, failures: 5, downs: [3] },
  ];
  for (const { maxFails, failures, downs } of cases) {
    const known = upstream({ maxFails });
    const said: number[] = [];
    for (let count = 1; count <= failures; count++) {
      if (known.noteFailure(0)) said.push(count);
      assert.equal(known.isDown, maxFails > 0 && count > maxFails, `${count} of ${maxFails}`);
    }
    assert.deepEqual(said, downs);
  }
});

test("Upstream.noteReply() and noteAlive() bring it back, and the count starts again", () => {
  const known = upstream();
  for (let count = 0; count < 3; count++) known.noteFailure(0);
  assert.equal(known.noteReply(10), true);
  assert.equal(known.isDown, false);
  for (let count = 0; count < 2; count++) known.noteFailure(0);
  assert.equal(known.isDown, false);
  known.noteFailure(0);
  assert.equal(known.isDown, true);
  known.noteAlive();
  assert.equal(known.isDown, false);
  assert.equal(known.noteReply(10), false);
});

test("Upstream.attemptTimeoutMs() follows the round trip within its bounds, and doubles", () => {
  const known = upstream();
  assert.deepEqual(
    [0, 1, 2, 3].map((before) => known.attemptTimeoutMs(before)),
    [400, 800, 1600, 1600],
  );
  for (let count = 0; count < 50; count++) known.noteReply(100);
  assert.equal(Math.round(known.attemptTimeoutMs(0)), 800);
  for (let count = 0; count < 50; count++) known.noteReply(5000);
  assert.equal(known.attemptTimeoutMs(0), ATTEMPT_TIMEOUT_MS_MAX);
  for (let count = 0; count < 200; count++) known.noteReply(0);
  assert.equal(known.attemptTimeoutMs(0), ATTEMPT_TIMEOUT_MS_MIN);
});

test("Upstream.attemptTimeoutMs() stays within its bounds, whatever the round trips", () => {
  const trips = fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), { maxLength: 40 });
  fc.assert(
    fc.property(trips, fc.nat(3), (roundTripsMs, before) => {
      const known = upstream();
      for (const roundTripMs of roundTripsMs) known.noteReply(roundTripMs);
      const timeoutMs = known.attemptTimeoutMs(before);
      assert.ok(timeoutMs >= ATTEMPT_TIMEOUT_MS_MIN && timeoutMs <= ATTEMPT_TIMEOUT_MS_MAX);
    }),
  );
});

test("Upstream.isProbeDue() an interval after the first failure, and then every interval", () => {
  const known = upstream();
  assert.equal(known.isProbeDue(1000), false, "nothing has failed");
  known.noteFailure(1000);
  known.noteFailure(1400);
  assert.equal(known.isProbeDue(1499), false);
  assert.equal(known.isProbeDue(1500), true);
  assert.equal(known.isProbeDue(1501), false);
  assert.equal(known.isProbeDue(2000), true);
  known.noteAlive();
  assert.equal(known.isProbeDue(9000), false, "it is up");
});

test("Upstream.speaksEdns() is false for ten minutes after it was refused", () => {
  const known = upstream();
  assert.equal(known.speaksEdns(5), true);
  known.noteNoEdns(5);
  assert.equal(known.speaksEdns(5), false);
  assert.equal(known.speaksEdns(600_004), false);
  assert.equal(known.speaksEdns(600_005), true);
});

test("Upstream counts what it answered and what it did not", () => {
  const known = upstream();
  known.noteReply(1);
  known.noteFailure(0);
  known.noteFailure(0);
  known.noteReply(1);
  assert.deepEqual([known.replyCount, known.failureCount], [2, 2]);
});

test("Upstream: read_timeout is the longest time-out, also where it is a short one", () => {
  const long = upstream({ readTimeoutMs: 5000 });
  assert.deepEqual(
    [0, 1, 2, 9].map((n) => long.attemptTimeoutMs(n)),
    [400, 800, 1600, 5000],
  );
  const short = upstream({ readTimeoutMs: 100 });
  assert.deepEqual(
    [0, 1, 9].map((n) => short.attemptTimeoutMs(n)),
    [100, 100, 100],
  );
});

test("Upstream: max_age ends sockets earlier or, by TCP, later; TLS is a stream", () => {
  const usual = upstream();
  assert.deepEqual([usual.udpAgeMsMax, usual.tcpAgeMsMax], [10_000, 60_000]);
  const short = upstream({ maxAgeMs: 2000 });
  assert.deepEqual([short.udpAgeMsMax, short.tcpAgeMsMax], [2000, 2000]);
  const long = upstream({ maxAgeMs: 3_600_000 });
  assert.deepEqual([long.udpAgeMsMax, long.tcpAgeMsMax], [10_000, 3_600_000]);
  const tls = { serverName: null, certFile: null, keyFile: null, caFile: null };
  const streams = [{}, { forceTcp: true }, { tls }].map((parts) => upstream(parts).isStream);
  assert.deepEqual(streams, [false, true, true]);
});

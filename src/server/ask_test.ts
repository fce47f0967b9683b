import assert from "node:assert/strict";
import { test } from "node:test";
import { RCODES } from "../../tests/support/dns_message.ts";
import { ForwardFixture } from "../../tests/support/forward_fixture.ts";
import { REASON_UPSTREAMS_DOWN, RECORD_REASON } from "../handoff/records.ts";
import { QUESTION_DEADLINE_MS, TIMER_TICK_MS } from "../limits.ts";

const NAME = "www.example.org.";
const NOTHING_LEFT = { pending: 0, waiters: 0, timers: 0, inFlight: 0 };
const ROOT_NS = ".";

/** When each upstream was asked, in ms since the start, rounded down to a tick. */
function askedMs(fixture: ForwardFixture): number[][] {
  return fixture.upstreams.map((upstream) => {
    return Array.from({ length: upstream.count }, () => {
      const elapsedMs = upstream.take().atMs - fixture.startMs;
      return Math.floor(elapsedMs / TIMER_TICK_MS) * TIMER_TICK_MS;
    });
  });
}

/** Health probes are not what a test wants to see. */
function answerProbes(fixture: ForwardFixture): void {
  for (const upstream of fixture.upstreams) {
    upstream.onQuery = (query) => {
      if (query.name !== ROOT_NS) return false;
      query.reply();
      return true;
    };
  }
}

test("ask() tries silent upstreams in order and in vain, and gives up at the deadline", () => {
  const cases: [upstreams: number, asked: number[][]][] = [
    [1, [[0, 400, 1200, 2800]]],
    [2, [[0, 1200, 2800], [400]]],
    [3, [[0, 2800], [400], [1200]]],
    [5, [[0], [400], [1200], [2800], []]],
  ];
  for (const [upstreams, asked] of cases) {
    const fixture = new ForwardFixture({ upstreams });
    answerProbes(fixture);
    fixture.client.ask(NAME);
    fixture.pass(QUESTION_DEADLINE_MS - 1);
    assert.deepEqual(fixture.client.answers(), [], "not before the deadline");
    fixture.pass(TIMER_TICK_MS + 1);
    assert.equal(fixture.answer().rcode, RCODES["SERVFAIL"]);
    assert.deepEqual(askedMs(fixture), asked);
    assert.deepEqual(fixture.server.leftOver, NOTHING_LEFT);
  }
});

test("ask() gives each attempt another id", () => {
  const fixture = new ForwardFixture();
  fixture.client.ask(NAME);
  fixture.pass(QUESTION_DEADLINE_MS + TIMER_TICK_MS);
  const queries = Array.from({ length: fixture.upstream.count }, () => fixture.upstream.take());
  const own = queries.filter(({ name }) => name === NAME);
  assert.equal(new Set(own.map(({ message }) => message.id)).size, 4);
});

test("ask() answers a client that joined late at the deadline of the first", () => {
  const fixture = new ForwardFixture();
  fixture.client.ask(NAME);
  fixture.pass(QUESTION_DEADLINE_MS - 100);
  fixture.client.ask(NAME);
  fixture.pass(100 + TIMER_TICK_MS);
  assert.deepEqual(
    fixture.client.answers().map(({ id, rcode }) => [id, rcode]),
    [
      [1, RCODES["SERVFAIL"]],
      [2, RCODES["SERVFAIL"]],
    ],
  );
});

test("ask() refuses what is beyond max_concurrent, but lets clients join", () => {
  const fixture = new ForwardFixture({ forward: "max_concurrent 2" });
  for (const label of ["a", "b", "b", "c", "a"]) fixture.client.ask(`${label}.example.org.`);
  fixture.settle();
  const refused = fixture.answer();
  assert.deepEqual([refused.id, refused.rcode], [4, RCODES["REFUSED"]]);
  assert.equal(fixture.upstream.count, 2);
  while (fixture.upstream.count > 0) fixture.upstream.take().reply();
  fixture.settle();
  assert.equal(fixture.client.answers().length, 4);
  fixture.client.ask("c.example.org.");
  fixture.settle();
  assert.equal(fixture.upstream.take().name, "c.example.org.");
});

test("ask() answers at once while all upstreams are down and it is to fail fast", () => {
  const forward = "max_fails 1\n failfast_all_unhealthy_upstreams";
  const fixture = new ForwardFixture({ forward, block: "errors" });
  for (const label of ["a", "b"]) {
    fixture.client.ask(`${label}.example.org.`);
    fixture.pass(500);
  }
  fixture.client.answers();
  while (fixture.server.records.read() !== null);
  fixture.client.ask("c.example.org.");
  assert.equal(fixture.answer().rcode, RCODES["SERVFAIL"]);
  assert.equal(fixture.server.records.read()![RECORD_REASON], REASON_UPSTREAMS_DOWN);
});

test("probe() asks an upstream that failed every half second, until it answers", () => {
  const fixture = new ForwardFixture({ upstreams: 2, forward: "policy sequential\n max_fails 1" });
  const probedMs: number[] = [];
  let isAlive = false;
  fixture.upstream.onQuery = (query) => {
    if (query.name !== ROOT_NS) return false;
    probedMs.push(query.atMs - fixture.startMs);
    if (isAlive) query.reply();
    return true;
  };
  fixture.upstreams[1]!.onQuery = (query) => {
    query.reply();
    return true;
  };
  for (let label = 0; label < 4; label++) {
    fixture.client.ask(`n${label}.example.org.`);
    fixture.pass(500);
  }
  assert.equal(fixture.client.answers().length, 4);
  const before = fixture.upstream.count;
  assert.ok(before >= 2);
  fixture.client.ask("down.example.org.");
  fixture.pass(3000);
  assert.equal(fixture.upstream.count, before, "it is down and left alone");
  assert.ok(probedMs.length >= 3, `probed at ${probedMs}`);
  isAlive = true;
  fixture.pass(2000);
  const count = probedMs.length;
  fixture.pass(5000);
  assert.equal(probedMs.length, count, "no probe while it is up");
  fixture.client.ask("up.example.org.");
  fixture.settle();
  assert.equal(fixture.upstream.count, before + 1);
});

test("probe() waits for answers that take longer than the interval between probes", () => {
  const forward = "policy sequential\n max_fails 1\n health_check 100ms";
  const fixture = new ForwardFixture({ upstreams: 2, forward });
  fixture.upstreams[1]!.onQuery = (query) => {
    query.reply();
    return true;
  };
  for (const label of ["a", "b"]) {
    fixture.client.ask(`${label}.example.org.`);
    fixture.pass(450);
  }
  fixture.server.sim.network.setPath("198.51.100.1", "*", { delayMs: 700 });
  answerProbes(fixture);
  while (fixture.upstream.count > 0) fixture.upstream.take();
  fixture.pass(3000);
  fixture.client.ask("c.example.org.");
  fixture.settle();
  assert.equal(fixture.upstream.count, 1, "it is up again");
});

test("probe() counts a probe without an answer as a failure", () => {
  const fixture = new ForwardFixture({ upstreams: 2, forward: "policy sequential\n max_fails 2" });
  fixture.upstreams[1]!.onQuery = (query) => {
    query.reply();
    return true;
  };
  fixture.client.ask("a.example.org.");
  fixture.pass(6000);
  while (fixture.upstream.count > 0) fixture.upstream.take();
  fixture.client.ask("b.example.org.");
  fixture.settle();
  assert.equal(fixture.upstream.count, 0, "it is down");
  assert.equal(fixture.client.answers().length, 2);
});

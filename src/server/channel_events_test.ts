import assert from "node:assert/strict";
import { test } from "node:test";
import { RCODES } from "../../tests/support/dns_message.ts";
import { ForwardFixture } from "../../tests/support/forward_fixture.ts";
import { UDP_CHANNEL_AGE_MS_MAX } from "../limits.ts";

const NOTHING_LEFT = { pending: 0, waiters: 0, timers: 0, inFlight: 0 };
/** Longer than any question, connection or socket lives without use. */
const LONG_MS = 30_000;

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}.example.org.`);
}

/** Every query of the first upstream that was not taken yet. */
function takeAll(fixture: ForwardFixture, upstream = fixture.upstream) {
  return Array.from({ length: upstream.count }, () => upstream.take());
}

function assertNothingIsLeft(fixture: ForwardFixture): void {
  fixture.pass(LONG_MS);
  assert.deepEqual(fixture.server.leftOver, NOTHING_LEFT);
  assert.equal(fixture.server.sim.openCount, fixture.server.openCountAtStart);
}

test("handleUdpChannel() fails over at once when the port is closed", () => {
  const fixture = new ForwardFixture({ upstreams: 2 });
  fixture.upstream.udp.close();
  for (const name of names(3)) fixture.client.ask(name);
  fixture.settle();
  const queries = takeAll(fixture, fixture.upstreams[1]!);
  assert.deepEqual(queries.map(({ name }) => name).sort(), names(3));
  for (const query of queries) query.reply();
  fixture.settle();
  assert.equal(fixture.client.answers().length, 3);
  assert.equal(fixture.elapsedMs, 0);
  assert.ok(fixture.count("upstreamErrors") >= 1);
  assertNothingIsLeft(fixture);
});

test("handleUdpChannel() leaves no query to who gets the descriptor of a lost socket", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const fixture = new ForwardFixture({ upstreams: 2, seed });
    const { server, client } = fixture;
    fixture.upstream.udp.close();
    server.sim.network.setPath("198.51.100.1", "*", { delayMs: 5 });
    client.ask("first.example.org.");
    fixture.pass(2);
    // The listener is served once, so that epoll tells of the upstream's socket before it.
    fixture.tcpClient();
    fixture.pass(2);
    // One turn of the loop meets them all: a query, the ICMP message, and a new connection.
    let connection = fixture.tcpClient();
    server.sim.clock.schedule(1, () => {
      client.ask("second.example.org.");
      connection = fixture.tcpClient();
    });
    fixture.pass(1);
    fixture.pass(20);
    const heard = takeAll(fixture, fixture.upstreams[1]!).map(({ name }) => name);
    assert.deepEqual(heard.sort(), ["first.example.org.", "second.example.org."], `seed ${seed}`);
    assert.deepEqual([...connection.peer.received], [], `seed ${seed}`);
  }
});

test("handleUdpChannel() reads a retired channel until its last reply", () => {
  const fixture = new ForwardFixture();
  fixture.client.ask("old.example.org.");
  fixture.settle();
  const old = fixture.upstream.take();
  const { plane } = fixture.server.loop;
  plane.nowMs += UDP_CHANNEL_AGE_MS_MAX + 1;
  plane.udpChannels.sweep(plane.nowMs);
  assert.equal(plane.channels.usedCount, 1);
  old.reply();
  assert.equal(fixture.answer().questions[0]!.name, "old.example.org.");
  assert.equal(plane.channels.usedCount, 0);
});

test("handleTcpChannel() hands out replies in the order in which they come", () => {
  const fixture = new ForwardFixture({ forward: "force_tcp" });
  for (const name of names(20)) fixture.client.ask(name);
  fixture.settle();
  const queries = takeAll(fixture);
  assert.equal(fixture.upstream.tcp.connections.length, 1);
  for (const query of queries.toReversed()) {
    query.reply({ answer: [`${query.name} 60 TXT ${query.name}`] });
  }
  fixture.settle();
  const answers = fixture.client.answers();
  assert.deepEqual(
    answers.map(({ questions }) => questions[0]!.name),
    names(20).toReversed(),
  );
  for (const { answer, questions } of answers) assert.equal(answer[0]!.name, questions[0]!.name);
  assertNothingIsLeft(fixture);
});

test("handleTcpChannel() asks again what was in flight when the upstream closes or resets", () => {
  for (const end of ["close", "reset"] as const) {
    const fixture = new ForwardFixture({ forward: "force_tcp" });
    for (const name of names(5)) fixture.client.ask(name);
    fixture.settle();
    const queries = takeAll(fixture);
    queries[0]!.reply();
    fixture.upstream.tcp.connections[0]![end]();
    fixture.settle();
    const again = takeAll(fixture);
    // A reset overtakes what was sent before it.
    const lost = end === "close" ? names(5).slice(1) : names(5);
    assert.ok(again.length >= 4, end);
    assert.ok(again.every(({ name }) => lost.includes(name)));
    for (const query of again) query.reply();
    fixture.settle();
    assert.equal(fixture.client.answers().length, 5, end);
    assert.equal(fixture.upstream.tcp.connections.length, 2);
    assert.equal(fixture.server.loop.plane.upstreams[0]!.failCount, 0, "nobody is to blame");
    assertNothingIsLeft(fixture);
  }
});

test("handleTcpChannel() fails over at once when a connection is refused", () => {
  const fixture = new ForwardFixture({ upstreams: 2, forward: "force_tcp\n policy sequential" });
  fixture.upstream.tcp.close();
  fixture.client.ask("a.example.org.");
  fixture.settle();
  fixture.upstreams[1]!.take().reply();
  assert.equal(fixture.answer().rcode, 0);
  assert.equal(fixture.elapsedMs, 0);
  assert.equal(fixture.server.loop.plane.upstreams[0]!.failCount, 1);
  assertNothingIsLeft(fixture);
});

test("handleTcpChannel() survives an upstream that sends nothing but empty messages", () => {
  const fixture = new ForwardFixture({ forward: "force_tcp" });
  fixture.client.ask("a.example.org.");
  fixture.settle();
  const query = fixture.upstream.take();
  fixture.upstream.tcp.connections[0]!.write(new Uint8Array(120_000));
  fixture.settle();
  query.reply();
  assert.equal(fixture.answer().rcode, 0);
});

test("sweepChannels() gives up connections that are not made", () => {
  const fixture = new ForwardFixture({ upstreams: 2, forward: "force_tcp\n policy sequential" });
  fixture.server.sim.network.setPath("*", "198.51.100.1", { lossRatio: 1 });
  for (const upstream of fixture.upstreams.slice(1)) {
    upstream.onQuery = (query) => {
      query.reply();
      return true;
    };
  }
  fixture.client.ask("a.example.org.");
  fixture.pass(500);
  assert.equal(fixture.answer().rcode, 0);
  fixture.pass(3000);
  assert.ok(fixture.count("upstreamErrors") > 0);
  // Probes go on for ever.
  fixture.server.sim.network.setPath("*", "198.51.100.1", {});
  fixture.upstream.onQuery = fixture.upstreams[1]!.onQuery;
  assertNothingIsLeft(fixture);
});

test("sweepChannels() closes all sockets in the end, though a probe was lost", () => {
  for (const forward of ["policy sequential", "force_tcp"]) {
    const fixture = new ForwardFixture({ forward });
    fixture.client.ask("a.example.org.");
    fixture.pass(1100);
    const queries = takeAll(fixture);
    assert.ok(
      queries.some(({ name }) => name === "."),
      "a probe is under way",
    );
    for (const query of queries) if (query.name !== ".") query.reply();
    assert.equal(fixture.answer().rcode, 0);
    assertNothingIsLeft(fixture);
  }
});

test("sweepChannels() closes all sockets after a bad time with an upstream that comes and goes", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const fixture = new ForwardFixture({ upstreams: 3, forward: "policy random", seed });
    const { prng, network } = fixture.server.sim;
    network.setPath("*", "*", { lossRatio: 0.3, delayMs: 5, jitterMs: 300, duplicateRatio: 0.1 });
    for (const upstream of fixture.upstreams) {
      upstream.onQuery = (query) => {
        const mood = prng.below(10);
        if (mood < 5) query.reply();
        else if (mood < 6) query.reply({ rcode: RCODES["SERVFAIL"]! });
        else if (mood < 7) query.reply({ flags: ["tc"] });
        else if (mood < 8) query.replyBytes(new Uint8Array(prng.below(40)));
        else if (mood < 9) for (const peer of upstream.tcp.connections) peer.reset();
        return true;
      };
    }
    for (const name of names(300)) {
      fixture.client.ask(name);
      fixture.pass(prng.below(20));
    }
    network.setPath("*", "*", {});
    for (const upstream of fixture.upstreams) {
      upstream.onQuery = (query) => {
        query.reply();
        return true;
      };
    }
    assertNothingIsLeft(fixture);
    assert.equal(fixture.server.counter("shedPending"), 0, `seed ${seed}`);
  }
});

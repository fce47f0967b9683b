import assert from "node:assert/strict";
import { test } from "node:test";
import { dnsMessage, encodeMessage, RCODES } from "../../tests/support/dns_message.ts";
import { DnsClient, DnsTcpClient, DnsUpstream, withLength } from "../../tests/support/dns_peers.ts";
import { SimServer } from "../../tests/support/sim_server.ts";
import type { Plan } from "../handoff/plan.ts";
import { LISTENERS_MAX, UPSTREAMS_MAX, VIEW_LEAVE_MS } from "../limits.ts";
import type { FrontPlugin } from "../plugins/front_plugin.ts";
import { FrontStage } from "./front_stage.ts";

const STAYS = { address: "192.0.2.53", port: 53 };
const GOES = { address: "192.0.2.54", port: 53 };
const MACHINE = { addresses: [STAYS.address, GOES.address] };
const NAME = "www.example.org.";
const NOTHING_LEFT = { pending: 0, waiters: 0, timers: 0, inFlight: 0 };
const SETTLED_MS = 2 * VIEW_LEAVE_MS;

function block(bind: string, upstream: string, more = "", key = ".:53"): string {
  return `${key} {\n  bind ${bind}\n  forward . ${upstream}\n  ${more}\n}\n`;
}

const STAYING = block(STAYS.address, "203.0.113.1");

function encodedQuestion(): Uint8Array {
  const questions = [{ name: NAME, type: 1, class: 1 }];
  return withLength(encodeMessage(dnsMessage({ id: 7, flags: ["rd"], questions })));
}

/** Two blocks, of which one goes. */
function twoBlocks() {
  const corefile = STAYING + block(GOES.address, "203.0.113.2", "", "example.org:53");
  const server = new SimServer({ corefile, ...MACHINE });
  server.settle();
  return server;
}

function names(upstream: DnsUpstream): string[] {
  return Array.from({ length: upstream.count }, () => upstream.take().name);
}

/** Lets what is on its way arrive, while the server sleeps. */
function arrive(server: SimServer): void {
  const { clock } = server.sim;
  clock.advanceTo(clock.nowMs + 5);
}

/** No count has been taken off the wrong route. */
function assertNothingLeft(server: SimServer): void {
  assert.deepEqual(server.leftOver, NOTHING_LEFT);
  for (const { inFlightCount } of server.loop.plane.routes) assert.equal(inFlightCount, 0);
}

test("adopt() answers what waits at a listener that goes, by its own upstream and at once", () => {
  const server = twoBlocks();
  const own = new DnsUpstream(server.sim, "203.0.113.2");
  const other = new DnsUpstream(server.sim, "203.0.113.3");
  const client = new DnsClient(server.sim, GOES);
  client.ask(NAME);
  arrive(server);
  const startMs = server.sim.clock.nowMs;
  // The new route could have the number of the one that goes.
  server.reload(STAYING + block(STAYS.address, "203.0.113.3", "", "example.net:53"));
  server.pass(1);
  assert.deepEqual(names(other), []);
  const query = own.take();
  assert.equal(query.atMs, startMs);
  query.reply({ answer: [`${NAME} 60 A 192.0.2.1`] });
  server.settle();
  assert.equal(client.answers().length, 1);
  server.pass(SETTLED_MS);
  assertNothingLeft(server);
});

test("adopt() answers what waits at a listener that goes by the block that it was for", () => {
  const asks = (upstream: string, more: string) =>
    block(GOES.address, upstream, more, "example.org:53");
  const corefile =
    STAYING +
    asks("203.0.113.2", "view a {\n    expr type() == 'AAAA'\n  }") +
    asks("203.0.113.3", "");
  const server = new SimServer({ corefile, ...MACHINE });
  const [first, second] = ["203.0.113.2", "203.0.113.3"].map(
    (address) => new DnsUpstream(server.sim, address),
  );
  const client = new DnsClient(server.sim, GOES);
  client.ask(NAME);
  client.ask(NAME, { type: "AAAA" });
  arrive(server);
  server.reload(STAYING);
  server.pass(1);
  assert.deepEqual([names(first!), names(second!)], [[NAME], [NAME]]);
});

test("adopt() answers what waits in connections of a listener that goes", () => {
  const server = twoBlocks();
  const upstream = new DnsUpstream(server.sim, "203.0.113.2");
  upstream.onQuery = (query) => {
    query.reply({ answer: [`${query.name} 60 A 192.0.2.1`] });
    return true;
  };
  const known = new DnsTcpClient(server.sim, GOES);
  server.settle();
  // More than are accepted in one turn, each with its question already there.
  const waiting = Array.from({ length: 150 }, () => new DnsTcpClient(server.sim, GOES));
  for (const [index, client] of [known, ...waiting].entries()) client.ask(`n${index}.example.org.`);
  arrive(server);
  server.reload(STAYING);
  // Those that have had to wait are closed a moment later.
  server.pass(2000);
  const counts = [known, ...waiting].map((client) => client.answers().length);
  assert.deepEqual([...new Set(counts)], [1]);
  assert.ok([known, ...waiting].every(({ peer }) => peer.isFinished));
  server.pass(SETTLED_MS);
  assertNothingLeft(server);
});

test("adopt() lets a message come to its end that has begun on such a connection", () => {
  const server = twoBlocks();
  const upstream = new DnsUpstream(server.sim, "203.0.113.2");
  const client = new DnsTcpClient(server.sim, GOES);
  server.settle();
  const { peer } = client;
  const [first, second] = [encodedQuestion().slice(0, 9), encodedQuestion().slice(9)];
  peer.write(first);
  arrive(server);
  server.reload(STAYING);
  peer.write(second);
  server.settle();
  upstream.take().reply({ answer: [`${NAME} 60 A 192.0.2.1`] });
  server.settle();
  assert.equal(client.answers().length, 1);
});

test("adopt() changes nothing when a part of the plan cannot be made", () => {
  const server = new SimServer({
    corefile: block(STAYS.address, "203.0.113.1", "cache"),
    ...MACHINE,
  });
  const upstream = new DnsUpstream(server.sim, "203.0.113.1");
  const client = new DnsClient(server.sim, STAYS);
  const { plane } = server.loop;
  const [view] = server.plan.views;
  const broken = (attempt: number): Plan => {
    const [forward] = view!.forwards;
    const upstreams = [{ address: `198.51.100.${attempt}`, port: 53, tls: null }];
    const healthCheck = { ...forward!.healthCheck, domain: `${"x".repeat(64)}.` };
    const forwards = [
      { ...forward!, upstreams },
      { ...forward!, healthCheck },
    ];
    return { ...server.plan, views: [{ ...view!, forwards }] };
  };
  for (let attempt = 1; attempt <= UPSTREAMS_MAX + 1; attempt++) {
    assert.throws(() => server.loop.adopt(broken(attempt)), /label/i);
  }
  assert.equal(plane.plan, server.plan);
  client.ask(NAME);
  server.settle();
  assert.deepEqual(names(upstream), [NAME]);
  // There is room for as many as ever.
  const many = Array.from({ length: 15 }, (_, index) => `198.51.100.${index + 1}`).join(" ");
  server.reload(block(STAYS.address, many));
});

test("adopt() gives a block that comes back at once its answers back", () => {
  const server = twoBlocks();
  const cached = (upstream: string) =>
    block(STAYS.address, "203.0.113.1") + block(GOES.address, upstream, "cache", "example.org:53");
  server.reload(cached("203.0.113.2"));
  const before = server.plan;
  const upstream = new DnsUpstream(server.sim, "203.0.113.2");
  const client = new DnsClient(server.sim, GOES);
  client.ask(NAME);
  server.settle();
  upstream.take().reply({ answer: [`${NAME} 60 A 192.0.2.1`] });
  server.settle();
  // As when another worker has refused the plan.
  server.loop.adopt({ ...before, views: [before.views[0]!], listeners: [before.listeners[0]!] });
  server.loop.adopt(before);
  client.ask(NAME);
  server.settle();
  assert.equal(client.answers().length, 2);
  assert.equal(upstream.count, 0);
});

test("adopt() ends the health probes of upstreams that are in no plan any more", () => {
  const server = new SimServer({ corefile: block(STAYS.address, "198.51.100.1"), ...MACHINE });
  const client = new DnsClient(server.sim, STAYS);
  const gone = new DnsUpstream(server.sim, "198.51.100.1");
  client.ask(NAME);
  server.pass(5000);
  assert.ok(gone.count > 4, "it is probed");
  server.reload(STAYING);
  server.pass(5000);
  names(gone);
  server.pass(SETTLED_MS);
  assert.deepEqual(names(gone), []);
});

test("adopt() has room for upstreams however many have come, failed and gone", () => {
  const server = new SimServer({ corefile: block(STAYS.address, "198.51.100.1"), ...MACHINE });
  const client = new DnsClient(server.sim, STAYS);
  for (let round = 1; round <= 3 * UPSTREAMS_MAX; round++) {
    server.reload(block(STAYS.address, `198.51.100.${round}`));
    client.ask(`n${round}.example.org.`);
    server.pass(6000);
  }
  server.pass(SETTLED_MS);
  assertNothingLeft(server);
  assert.equal(server.loop.plane.channels.usedCount, 0);
});

test("adopt() says whether there are too many listeners for now or for ever", () => {
  const server = twoBlocks();
  const many = (first: number, count: number) =>
    Array.from({ length: count }, (_, index) =>
      block(STAYS.address, "203.0.113.1", "", `.:${first + index}`),
    ).join("");
  assert.throws(() => server.reload(many(1000, LISTENERS_MAX + 1)), /expected at most 128/);
  const half = LISTENERS_MAX / 2;
  server.reload(many(1000, half));
  assert.throws(() => server.reload(many(2000, half)), /configuration yet/);
  server.pass(SETTLED_MS);
  server.reload(many(2000, half));
});

/** Asks the same question three times, one after the other, before it answers. */
class Persistent implements FrontPlugin {
  wants(): boolean {
    return true;
  }

  handle(...[request, next, done]: Parameters<FrontPlugin["handle"]>): void {
    next({ ...request, name: `1.${request.name}` }, () =>
      next({ ...request, name: `2.${request.name}` }, () =>
        next({ ...request, name: `3.${request.name}` }, done),
      ),
    );
  }
}

test("adopt() keeps what exchanges need, for as long as they take", () => {
  for (const gone of ["", block(GOES.address, "203.0.113.3", "", "example.org:53")]) {
    const server = twoBlocks();
    const view = server.loop.plane.views[1]!;
    Object.assign(view, { front: new FrontStage([new Persistent()], [0]) });
    const own = new DnsUpstream(server.sim, "203.0.113.2");
    const other = new DnsUpstream(server.sim, "203.0.113.3");
    const client = new DnsClient(server.sim, GOES);
    client.ask(NAME);
    server.settle();
    server.reload(STAYING + gone);
    // Nobody answers: each question takes until its deadline.
    server.pass(4300);
    // Other listeners would get the number.
    server.reload(`${STAYING}${gone}${block(STAYS.address, "203.0.113.3", "", "example.net:55")}`);
    server.pass(9000);
    assert.deepEqual(names(other), []);
    assert.ok(names(own).includes(`3.${NAME}`));
    const [answer, ...rest] = client.peer.received.splice(0);
    assert.deepEqual([answer?.from, rest], [GOES, []]);
    assert.equal(answer!.bytes[3]! & 0xf, RCODES["SERVFAIL"]);
    server.pass(SETTLED_MS);
    assertNothingLeft(server);
  }
});

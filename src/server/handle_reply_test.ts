import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMessage, RCODES } from "../../tests/support/dns_message.ts";
import { type HeardQuery, plainOpt } from "../../tests/support/dns_peers.ts";
import { ForwardFixture } from "../../tests/support/forward_fixture.ts";
import { UDP_CHANNEL_STRANGERS_MAX } from "../limits.ts";

const NAME = "www.example.org.";
const ANSWER = { answer: [`${NAME} 300 A 192.0.2.1`] };
const OTHER_ANSWER = { answer: [`${NAME} 300 A 192.0.2.99`] };
const NOTHING_LEFT = { pending: 0, waiters: 0, timers: 0, inFlight: 0 };
const QR_BYTE = 2;
const QR = 0x80;

function firstAddress(fixture: ForwardFixture): string | undefined {
  return fixture.answer().answer[0]?.data;
}

/** Asks NAME and takes the query that reaches the first upstream. */
function asked(fixture: ForwardFixture): HeardQuery {
  fixture.client.ask(NAME, { opt: plainOpt() });
  fixture.settle();
  return fixture.upstream.take();
}

function replyBytes(query: HeardQuery, id = query.message.id): Uint8Array {
  const { message } = query;
  return encodeMessage({ ...message, id, flags: ["qr", "rd", "ra"] });
}

test("handleReply() ignores what does not fit the query, and goes on waiting", () => {
  const question = { name: NAME, type: 1, class: 1 };
  const cases: [what: string, send: (query: HeardQuery, fixture: ForwardFixture) => void][] = [
    ["wrong id", (query) => query.reply({ ...OTHER_ANSWER, id: query.message.id ^ 1 })],
    [
      "wrong name",
      (query) =>
        query.reply({ ...OTHER_ANSWER, questions: [{ ...question, name: "ww.example.org." }] }),
    ],
    ["wrong type", (query) => query.reply({ questions: [{ ...question, type: 28 }] })],
    ["wrong class", (query) => query.reply({ questions: [{ ...question, class: 3 }] })],
    ["no question", (query) => query.reply({ questions: [] })],
    ["two questions", (query) => query.reply({ questions: [question, question] })],
    ["a query", (query) => query.replyBytes(encodeMessage(query.message))],
    ["one byte", (query) => query.replyBytes(Uint8Array.of(query.message.id >> 8))],
    ["no bytes", (query) => query.replyBytes(new Uint8Array(0))],
    ["eleven bytes", (query) => query.replyBytes(replyBytes(query).slice(0, 11))],
    [
      "wrong port",
      ({ from, message }, { upstream }) => {
        const bytes = encodeMessage({ ...message, flags: ["qr"] });
        upstream.udp.sendAs({ ...upstream.local, port: 5353 }, bytes, from);
      },
    ],
    [
      "wrong address",
      ({ from, message }, { upstream }) => {
        const bytes = encodeMessage({ ...message, flags: ["qr"] });
        upstream.udp.sendAs({ address: "203.0.113.9", port: 53 }, bytes, from);
      },
    ],
  ];
  for (const [what, send] of cases) {
    const fixture = new ForwardFixture();
    const query = asked(fixture);
    send(query, fixture);
    fixture.settle();
    assert.deepEqual(fixture.client.answers(), [], what);
    assert.equal(fixture.upstream.count, 0, `${what}: asked again`);
    query.reply(ANSWER);
    assert.equal(firstAddress(fixture), "192.0.2.1", what);
    const isFiltered = what === "wrong port" || what === "wrong address";
    assert.equal(fixture.count("upstreamStrangers"), isFiltered ? 0 : 1, what);
  }
});

test("handleReply() does not take the last reply's question for that of one without", () => {
  const fixture = new ForwardFixture();
  asked(fixture).reply({ rcode: RCODES["SERVFAIL"]!, questions: [] });
  assert.equal(fixture.answer().rcode, RCODES["SERVFAIL"]);
  fixture.client.ask("other.example.org.");
  fixture.settle();
  const query = fixture.upstream.take();
  query.replyBytes(replyBytes(query).slice(0, 5));
  fixture.settle();
  assert.equal(fixture.upstream.count, 0, "it is not thought to be malformed");
  query.reply();
  assert.equal(fixture.answer().rcode, 0);
});

test("handleReply() accepts the question in any case", () => {
  const fixture = new ForwardFixture();
  asked(fixture).reply({ ...ANSWER, questions: [{ name: "WWW.Example.ORG.", type: 1, class: 1 }] });
  assert.equal(fixture.answer().questions[0]!.name, NAME);
});

test("handleReply() accepts the reply to an earlier attempt, and only the first reply", () => {
  const fixture = new ForwardFixture({ upstreams: 2 });
  const first = asked(fixture);
  fixture.pass(500);
  const second = fixture.upstreams[1]!.take();
  first.reply(ANSWER);
  assert.equal(firstAddress(fixture), "192.0.2.1");
  second.reply(OTHER_ANSWER);
  first.reply(OTHER_ANSWER);
  fixture.settle();
  assert.deepEqual(fixture.client.answers(), []);
  assert.equal(fixture.count("upstreamStrangers"), 2);
  fixture.client.ask(NAME);
  assert.equal(firstAddress(fixture), "192.0.2.1", "the first one was kept");
});

test("handleReply() fetches a truncated reply by TCP, from the same upstream", () => {
  const fixture = new ForwardFixture({ upstreams: 2 });
  const query = asked(fixture);
  query.reply({ flags: ["tc"] });
  fixture.settle();
  assert.deepEqual(fixture.client.answers(), []);
  const again = fixture.upstream.take();
  assert.equal(again.overTcp, true);
  again.reply(ANSWER);
  assert.equal(firstAddress(fixture), "192.0.2.1");
  assert.equal(fixture.upstreams[1]!.count, 0);
  assert.equal(fixture.count("upstreamTruncated"), 1);
  assert.deepEqual(fixture.server.leftOver, NOTHING_LEFT);
});

test("handleReply() asks all that were in flight again when EDNS is refused", () => {
  const fixture = new ForwardFixture();
  const names = ["a.example.org.", "b.example.org.", "c.example.org."];
  for (const name of names) fixture.client.ask(name);
  fixture.settle();
  for (const rcode of ["FORMERR", "NOTIMP", "FORMERR"]) {
    const query = fixture.upstream.take();
    assert.notEqual(query.message.opt, null);
    query.reply({ rcode: RCODES[rcode]!, opt: null });
  }
  fixture.settle();
  assert.deepEqual(fixture.client.answers(), []);
  for (const _ of names) {
    const query = fixture.upstream.take();
    assert.equal(query.message.opt, null);
    query.reply();
  }
  fixture.settle();
  assert.deepEqual(
    fixture.client.answers().map(({ rcode }) => rcode),
    [0, 0, 0],
  );
});

test("handleReply() gets clients that want DNSSEC an answer where EDNS is refused", () => {
  const fixture = new ForwardFixture();
  for (const name of ["a.example.org.", "b.example.org."]) {
    fixture.client.ask(name, { opt: plainOpt(1232, true) });
    fixture.settle();
    const query = fixture.upstream.take();
    assert.equal(query.message.opt?.dnssecOk, true);
    query.reply({ rcode: RCODES["FORMERR"]!, opt: null });
    fixture.settle();
    const again = fixture.upstream.take();
    assert.equal(again.message.opt, null);
    again.reply({ answer: [`${name} 300 A 192.0.2.1`] });
    assert.equal(fixture.answer().rcode, 0);
  }
});

test("handleReply() asks the next upstream with EDNS, though the first one has refused it", () => {
  const fixture = new ForwardFixture({ upstreams: 2 });
  fixture.client.ask(NAME, { opt: plainOpt(1232, true) });
  for (const rcode of ["FORMERR", "SERVFAIL"]) {
    fixture.settle();
    fixture.upstream.take().reply({ rcode: RCODES[rcode]!, opt: null });
  }
  fixture.settle();
  const query = fixture.upstreams[1]!.take();
  assert.equal(query.message.opt?.dnssecOk, true);
  query.reply(ANSWER);
  assert.equal(firstAddress(fixture), "192.0.2.1");
});

test("handleReply() passes FORMERR on when the query had no OPT to be refused", () => {
  const fixture = new ForwardFixture();
  const query = asked(fixture);
  for (const again of [query, null]) {
    fixture.settle();
    (again ?? fixture.upstream.take()).reply({ rcode: RCODES["FORMERR"]!, opt: null });
  }
  assert.equal(fixture.answer().rcode, RCODES["FORMERR"]);
  assert.equal(fixture.upstream.count, 0);
});

test("handleReply() takes errors to the next upstream; the last one's is the answer", () => {
  for (const rcode of ["SERVFAIL", "REFUSED", "NOTIMP", "FORMERR"]) {
    const fixture = new ForwardFixture({ upstreams: 3 });
    asked(fixture).reply({ rcode: RCODES["SERVFAIL"]! });
    fixture.settle();
    fixture.upstreams[1]!.take().reply({ rcode: RCODES["REFUSED"]! });
    fixture.settle();
    fixture.upstreams[2]!.take().reply({ rcode: RCODES[rcode]!, opt: plainOpt() });
    assert.equal(fixture.answer().rcode, RCODES[rcode]);
    assert.deepEqual(
      fixture.upstreams.map(({ count }) => count),
      [0, 0, 0],
    );
  }
});

test("handleReply() takes a denial as the answer, unless `failover` names it", () => {
  const cases: [forward: string, rcode: number][] = [
    ["policy sequential", RCODES["NXDOMAIN"]!],
    ["policy sequential\n failover NXDOMAIN", 0],
  ];
  for (const [forward, rcode] of cases) {
    const fixture = new ForwardFixture({ upstreams: 2, forward });
    asked(fixture).reply({ rcode: RCODES["NXDOMAIN"]! });
    fixture.settle();
    if (fixture.upstreams[1]!.count > 0) fixture.upstreams[1]!.take().reply(ANSWER);
    assert.equal(fixture.answer().rcode, rcode, forward);
  }
});

test("handleReply() asks again when a reply is malformed, and does not count it as a sign of life", () => {
  const fixture = new ForwardFixture({ upstreams: 2 });
  const query = asked(fixture);
  const known = fixture.server.loop.plane.upstreams[0]!;
  known.noteFailure(fixture.server.sim.clock.nowMs);
  const bytes = replyBytes(query);
  bytes[7] = 9;
  query.replyBytes(bytes);
  fixture.settle();
  assert.equal(known.failCount, 1);
  fixture.upstreams[1]!.take().reply(ANSWER);
  assert.equal(firstAddress(fixture), "192.0.2.1");
  assert.equal(fixture.count("upstreamMalformed"), 1);
});

test("handleReply() changes the socket that too many strangers have found", () => {
  const fixture = new ForwardFixture();
  const query = asked(fixture);
  const wrong = replyBytes(query, query.message.id ^ 1);
  for (let count = 0; count < UDP_CHANNEL_STRANGERS_MAX; count++) query.replyBytes(wrong);
  fixture.settle();
  query.reply(ANSWER);
  assert.equal(firstAddress(fixture), "192.0.2.1", "the question was not lost");
  const ports = new Set<number>();
  for (let count = 0; count < 40; count++) {
    fixture.client.ask(`n${count}.example.org.`);
    fixture.settle();
    ports.add(fixture.upstream.take().from.port);
  }
  assert.equal(ports.has(query.from.port), false);
  assert.equal(wrong[QR_BYTE]! & QR, QR);
});

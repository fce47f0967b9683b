import assert from "node:assert/strict";
import { test } from "node:test";
import { type DnsMessage, RCODES } from "../../tests/support/dns_message.ts";
import { ForwardFixture } from "../../tests/support/forward_fixture.ts";
import { PENDING_MAX, WAITERS_MAX } from "../limits.ts";

/** What the socket's buffer takes at once. */
const ASKED_AT_ONCE = 1000;
const NOTHING_LEFT = { pending: 0, waiters: 0, timers: 0, inFlight: 0 };

/** Asks for all `names`, without time passing. @returns the answers that come at once. */
function askAll(fixture: ForwardFixture, count: number, nameOf: (index: number) => string) {
  const answers: DnsMessage[] = [];
  for (let index = 0; index < count; index++) {
    fixture.client.ask(nameOf(index), { id: index & 0xffff });
    if (index % ASKED_AT_ONCE === ASKED_AT_ONCE - 1 || index === count - 1) {
      fixture.settle();
      answers.push(...fixture.client.answers());
    }
  }
  return answers;
}

test("handleMiss() answers SERVFAIL when all waiters' places are taken, and keeps nothing", () => {
  const fixture = new ForwardFixture();
  const popular = "popular.example.org.";
  assert.deepEqual(
    askAll(fixture, WAITERS_MAX, () => popular),
    [],
  );
  for (const name of [popular, "new.example.org."]) {
    fixture.client.ask(name);
    assert.equal(fixture.answer().rcode, RCODES["SERVFAIL"], name);
  }
  assert.equal(fixture.upstream.count, 1, "the new question was not sent");
  assert.equal(fixture.server.leftOver["pending"], 1);
  assert.equal(fixture.server.leftOver["inFlight"], 1);
  fixture.upstream.take().reply();
  fixture.settle();
  const answers = fixture.client.answers();
  assert.equal(answers.length, WAITERS_MAX);
  assert.ok(answers.every(({ rcode }) => rcode === 0));
  assert.deepEqual(fixture.server.leftOver, NOTHING_LEFT);
  fixture.client.ask("new.example.org.");
  fixture.settle();
  fixture.upstream.take().reply();
  assert.equal(fixture.answer().rcode, 0, "the failure was ours, and is not remembered");
  assert.equal(fixture.count("shedWaiters"), 2);
});

test("handleMiss() answers SERVFAIL when there are too many questions, but lets clients join", () => {
  const fixture = new ForwardFixture();
  const nameOf = (index: number) => `n${index}.example.org.`;
  assert.deepEqual(askAll(fixture, PENDING_MAX, nameOf), []);
  fixture.client.ask("new.example.org.");
  assert.equal(fixture.answer().rcode, RCODES["SERVFAIL"]);
  fixture.client.ask(nameOf(0));
  fixture.settle();
  assert.equal(fixture.server.leftOver["waiters"], PENDING_MAX + 1);
  for (const query of Array.from({ length: 5 }, () => fixture.upstream.take())) query.reply();
  fixture.settle();
  assert.equal(fixture.client.answers().length, 6);
  fixture.client.ask("new.example.org.");
  fixture.settle();
  assert.equal(fixture.server.leftOver["pending"], PENDING_MAX - 4);
  assert.equal(fixture.count("shedPending"), 1);
});

test("handleMiss() keeps apart what upstreams may answer differently", () => {
  const fixture = new ForwardFixture({ block: "" });
  const name = "www.example.org.";
  const opt = (dnssecOk: boolean) => ({ sizeBytes: 1232, version: 0, dnssecOk, options: [] });
  fixture.client.ask(name);
  fixture.client.ask(name, { type: "AAAA" });
  fixture.client.ask(name, { flags: [] });
  fixture.client.ask(name, { flags: ["rd", "cd"] });
  fixture.client.ask(name, { opt: opt(true) });
  // As the first one.
  fixture.client.ask(name.toUpperCase());
  fixture.client.ask(name, { flags: ["rd", "ad"] });
  fixture.client.ask(name, { opt: opt(false) });
  fixture.settle();
  const asked = Array.from({ length: fixture.upstream.count }, () => fixture.upstream.take());
  const seen = asked.map(({ message }) => {
    const { flags, questions, opt: own } = message;
    return `${questions[0]!.type} ${flags.join(" ")}${own?.dnssecOk === true ? " do" : ""}`;
  });
  assert.deepEqual(seen, ["1 rd ad", "28 rd ad", "1 ad", "1 rd ad cd", "1 rd ad do"]);
  asked[0]!.reply({ answer: [`${name} 60 A 192.0.2.1`] });
  fixture.settle();
  assert.deepEqual(
    fixture.client.answers().map(({ id, questions, opt: own }) => {
      return [id, questions[0]!.name, own !== null];
    }),
    [
      [1, name, false],
      [6, name.toUpperCase(), false],
      [7, name, false],
      [8, name, true],
    ],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ForwardFixture } from "../../tests/support/forward_fixture.ts";
import { PENDING_MAX } from "../limits.ts";

const NAME = "www.example.org.";
/** What the socket's buffer takes at once. */
const ASKED_AT_ONCE = 1000;

/** A server that prefetches what was hit once, from the second second on. */
function prefetching(): ForwardFixture {
  const fixture = new ForwardFixture({ block: "cache {\nprefetch 1 1m 90%\n}" });
  fixture.client.ask(NAME);
  fixture.settle();
  fixture.upstream.take().reply({ answer: [`${NAME} 20 A 192.0.2.1`] });
  fixture.settle();
  fixture.client.answers();
  fixture.server.pass(3000);
  return fixture;
}

function hit(fixture: ForwardFixture): number {
  fixture.client.ask(NAME);
  fixture.settle();
  assert.equal(fixture.client.answers().length, 1);
  return fixture.server.counter("prefetches");
}

function askOthers(fixture: ForwardFixture, count: number): void {
  for (let index = 0; index < count; index++) {
    fixture.client.ask(`n${index}.example.org.`, { id: index });
    if (index % ASKED_AT_ONCE === 0 || index === count - 1) fixture.settle();
  }
}

test("prefetch() leaves half of the room to clients who wait", () => {
  const busy = prefetching();
  askOthers(busy, PENDING_MAX / 2);
  assert.equal(hit(busy), 0);
  const free = prefetching();
  askOthers(free, PENDING_MAX / 2 - 1);
  assert.equal(hit(free), 1);
});

test("prefetch() leaves nothing behind, whether it is answered or not", () => {
  for (const isAnswered of [true, false]) {
    const fixture = prefetching();
    assert.equal(hit(fixture), 1);
    if (isAnswered) fixture.upstream.take().reply({ answer: [`${NAME} 20 A 192.0.2.2`] });
    fixture.server.pass(5000);
    const { pending, waiters, timers, inFlight } = fixture.server.leftOver;
    assert.deepEqual([pending, waiters, timers, inFlight], [0, 0, 0, 0]);
  }
});

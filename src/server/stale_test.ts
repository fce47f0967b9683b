import assert from "node:assert/strict";
import { test } from "node:test";
import { RCODES } from "../../tests/support/dns_message.ts";
import { ForwardFixture } from "../../tests/support/forward_fixture.ts";
import { nameFixture, Scratch, writeImage } from "../cache/fixtures.ts";
import { LIST_DENIAL, LIST_STALE_SEC, LIST_SUCCESS, listOf } from "../cache/lists.ts";

const NAME = "www.example.org.";

test("fallBack() gives what another worker has stored meanwhile, with TTLs that count down", () => {
  const fixture = new ForwardFixture({ block: "cache {\nserve_stale\n}" });
  const { plane } = fixture.server.loop;
  fixture.client.ask(NAME);
  fixture.settle();
  const hash = plane.pending.nameHashes.find((known) => known !== 0);
  const scratch = new Scratch();
  const nowSec = plane.nowSec - 5;
  const name = nameFixture("www.example.org", hash);
  writeImage(scratch, { name, nowSec, ttlsSec: [60, 3] });
  plane.cache.store(scratch.words, 0, nowSec);
  fixture.upstream.take().reply({ rcode: RCODES["SERVFAIL"]! });
  fixture.settle();
  const answer = fixture.answer();
  assert.equal(answer.rcode, RCODES["NOERROR"]);
  assert.deepEqual(
    answer.answer.map(({ ttlSec }) => ttlSec),
    [55, 0],
  );
  assert.equal(fixture.server.counter("servedStale"), 0);
});

test("the cache is told how long answers are of use after they expired", () => {
  const { server } = new ForwardFixture({ block: "cache {\nserve_stale 90s\n}" });
  const { words } = server.loop.plane.cache;
  for (const list of [LIST_SUCCESS, LIST_DENIAL]) {
    assert.equal(words[listOf(0, list) + LIST_STALE_SEC], 90);
  }
});

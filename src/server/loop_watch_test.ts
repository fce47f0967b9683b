import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMessage, encodeMessage } from "../../tests/support/dns_message.ts";
import { ForwardFixture, SERVER } from "../../tests/support/forward_fixture.ts";
import { SimUdpPeer } from "../../tests/support/sim_peers.ts";
import { SimServer } from "../../tests/support/sim_server.ts";
import { RECORD_KIND, RECORD_NAME, RECORD_TEXT } from "../handoff/records.ts";
import type { RingReader } from "../handoff/ring.ts";
import { LOOP_PROBE_MS, LOOP_PROBES_MAX } from "../limits.ts";

const UPSTREAM = "198.51.100.1";

/** Lines that workers have worded, so far. */
function texts(records: RingReader): string[] {
  const found: string[] = [];
  for (let record = records.read(); record !== null; record = records.read()) {
    if (record[RECORD_KIND] !== RECORD_TEXT) continue;
    found.push(new TextDecoder().decode(record.subarray(RECORD_NAME)));
  }
  return found;
}

/** Names that `peer` was asked for. */
function namesAt(peer: SimUdpPeer): string[] {
  return peer.received.splice(0).map(({ bytes }) => decodeMessage(bytes).questions[0]!.name);
}

test("LoopWatch says which way a loop goes, and that it is over", () => {
  const fixture = new ForwardFixture({ block: "loop" });
  fixture.pass(1000);
  const { message } = fixture.upstream.take();
  assert.equal(fixture.upstream.count, 0);
  const { name } = message.questions[0]!;
  const peer = new SimUdpPeer(fixture.server.sim, UPSTREAM, 4711);
  const back = () => peer.send(encodeMessage(message), SERVER);
  back();
  fixture.settle();
  back();
  fixture.settle();
  const way = `Loop (${UPSTREAM}:4711 -> ${SERVER.address}:53)`;
  assert.deepEqual(texts(fixture.server.records), [
    `[ERROR] plugin/loop: ${way} detected for zone ".", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${name}": upstream ${UPSTREAM}:53 leads back here and is left out`,
  ]);
  fixture.pass(15_000);
  assert.deepEqual(texts(fixture.server.records), [
    `[INFO] plugin/loop: upstream ${UPSTREAM}:53 no longer leads back here`,
  ]);
});

test("LoopWatch asks for names that the forward takes, each its own", () => {
  const corefile = `example.org {
    bind ${SERVER.address}
    loop
    forward sub.example.org 198.51.100.1
    forward . 198.51.100.2 198.51.100.3
  }`;
  const server = new SimServer({ corefile });
  const peers = [1, 2, 3].map((last) => new SimUdpPeer(server.sim, `198.51.100.${last}`, 53));
  server.pass(1000);
  const names = peers.map(namesAt);
  assert.match(String(names[0]), /^\d+\.\d+\.sub\.example\.org\.$/);
  assert.match(String(names[1]), /^\d+\.\d+\.example\.org\.$/);
  assert.match(String(names[2]), /^\d+\.\d+\.example\.org\.$/);
  assert.equal(new Set(names.flat()).size, 3);
  server.pass(LOOP_PROBE_MS);
  assert.deepEqual(peers.map(namesAt), names);
});

test("LoopWatch watches as many upstreams as it has room for, and no name that is too long", () => {
  const block = (zone: string) =>
    `${zone} {\n  bind ${SERVER.address}\n  loop\n  forward . ${UPSTREAM}\n}\n`;
  const long = `${"a".repeat(63)}.`.repeat(3) + "b".repeat(50);
  const zones = Array.from({ length: LOOP_PROBES_MAX + 5 }, (_, index) => `z${index}.example.org`);
  const server = new SimServer({ corefile: [long, ...zones].map(block).join("") });
  const peer = new SimUdpPeer(server.sim, UPSTREAM, 53);
  // One at a time: the upstream has one probe under way.
  server.pass((LOOP_PROBES_MAX + 20) * 1000);
  const asked = new Set(namesAt(peer));
  assert.equal(asked.size, LOOP_PROBES_MAX);
});

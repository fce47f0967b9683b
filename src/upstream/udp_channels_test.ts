import assert from "node:assert/strict";
import { test } from "node:test";
import { SimKernel } from "../../tests/support/sim_kernel.ts";
import { SimUdpPeer } from "../../tests/support/sim_peers.ts";
import {
  CHANNELS_MAX,
  UDP_CHANNEL_AGE_MS_MAX,
  UDP_CHANNEL_QUERIES_MAX,
  UDP_CHANNEL_STRANGERS_MAX,
  UDP_CHANNELS_PER_UPSTREAM,
} from "../limits.ts";
import { RandomPool } from "../std/random_pool.ts";
import { EADDRINUSE, ENETUNREACH } from "../sys/errno.ts";
import { SendBatch } from "../sys/send_batch.ts";
import { Sockets } from "../sys/sockets.ts";
import { Channels, NO_CHANNEL } from "./channels.ts";
import { UdpChannels } from "./udp_channels.ts";
import { UPSTREAM_DEFAULTS, Upstream } from "./upstream.ts";

const TAG = 0x0100_0000;
const BUFFER_BYTES = 320;

class Fixture {
  readonly sim = new SimKernel();
  readonly channels = new Channels();
  readonly batches: readonly SendBatch[];
  readonly udp: UdpChannels;
  readonly known: readonly Upstream[];
  readonly peers: readonly SimUdpPeer[];
  readonly openAtStart: number;
  turn = 1;

  constructor() {
    const settings = UPSTREAM_DEFAULTS;
    const addresses = ["198.51.100.1", "198.51.100.2"];
    this.peers = addresses.map((address) => new SimUdpPeer(this.sim, address, 53));
    this.known = addresses.map((address) => new Upstream({ address, port: 53, ...settings }));
    this.batches = addresses.map(() => new SendBatch(this.sim, 4, BUFFER_BYTES));
    const random = new RandomPool((target) => this.sim.randomBytes(target));
    const sockets = new Sockets(this.sim);
    const epoll = this.sim.epollCreate();
    const { sim, channels, batches } = this;
    this.udp = new UdpChannels(sim, sockets, channels, random, epoll, TAG, batches);
    this.openAtStart = this.sim.openCount;
  }

  choose(upstream: number): number {
    const { known, turn, sim } = this;
    return this.udp.choose(upstream, known[upstream]!, turn, sim.clock.nowMs);
  }

  /** Chooses in a turn of its own until every place of the upstream is taken. */
  chooseAll(upstream: number): Set<number> {
    const chosen = new Set<number>();
    while (chosen.size < UDP_CHANNELS_PER_UPSTREAM) {
      this.turn += 1;
      chosen.add(this.choose(upstream));
    }
    return chosen;
  }

  pass(ms: number): void {
    this.sim.clock.advanceTo(this.sim.clock.nowMs + ms);
  }
}

test("UdpChannels.choose() keeps to one channel in a turn and spreads over turns", () => {
  const fixture = new Fixture();
  for (let turn = 0; turn < 20; turn++) {
    fixture.turn += 1;
    const first = fixture.choose(0);
    for (let again = 0; again < 5; again++) assert.equal(fixture.choose(0), first);
  }
  const chosen = fixture.chooseAll(0);
  assert.equal(fixture.channels.usedCount, UDP_CHANNELS_PER_UPSTREAM);
  assert.equal(fixture.udp.openedCount, UDP_CHANNELS_PER_UPSTREAM);
  assert.equal([...fixture.chooseAll(1)].filter((channel) => chosen.has(channel)).length, 0);
});

test("UdpChannels.choose() replaces what has served, aged or been attacked enough", () => {
  const cases: [reason: string, spend: (fixture: Fixture, channel: number) => void][] = [
    [
      "queries",
      ({ channels }, channel) => (channels.queryCounts[channel] = UDP_CHANNEL_QUERIES_MAX),
    ],
    [
      "strangers",
      ({ channels }, channel) => (channels.strangerCounts[channel] = UDP_CHANNEL_STRANGERS_MAX),
    ],
    ["age", (fixture) => fixture.pass(UDP_CHANNEL_AGE_MS_MAX)],
  ];
  for (const [reason, spend] of cases) {
    const fixture = new Fixture();
    const before = [...fixture.chooseAll(0)];
    const generations = before.map((channel) => fixture.channels.generation(channel));
    for (const channel of before) spend(fixture, channel);
    for (const channel of fixture.chooseAll(0)) {
      const generation = fixture.channels.generation(channel);
      const isOld = before.some(
        (old, index) => old === channel && generations[index] === generation,
      );
      assert.equal(isOld, false, reason);
    }
    assert.equal(fixture.sim.openCount, fixture.openAtStart + UDP_CHANNELS_PER_UPSTREAM, reason);
  }
});

test("UdpChannels.retire() leaves a channel open until its last query is over", () => {
  const fixture = new Fixture();
  const channel = fixture.choose(0);
  fixture.channels.inFlightCounts[channel] = 1;
  fixture.udp.retire(channel);
  assert.equal(fixture.channels.isOpen(channel), true);
  assert.notEqual(fixture.choose(0), channel, "it takes no more queries");
  fixture.udp.closeIfDone(channel);
  assert.equal(fixture.channels.isOpen(channel), true);
  fixture.channels.inFlightCounts[channel] = 0;
  fixture.udp.closeIfDone(channel);
  assert.equal(fixture.channels.isOpen(channel), false);
  assert.equal(fixture.sim.openCount, fixture.openAtStart + 1);
});

test("UdpChannels.choose() never takes for one upstream what is another's by now", () => {
  const fixture = new Fixture();
  const channel = fixture.choose(0);
  fixture.udp.retire(channel);
  assert.equal(fixture.choose(1), channel, "the number is used again");
  const next = fixture.choose(0);
  assert.notEqual(next, channel);
  assert.equal(fixture.channels.upstreams[next], 0);
});

test("UdpChannels.closeIfDone() first sends what is in the batch: its descriptor may be reused", () => {
  const fixture = new Fixture();
  const channel = fixture.choose(0);
  const fd = fixture.channels.fds[channel]!;
  const batch = fixture.batches[0]!;
  fixture.sim.slab.bytes[batch.buffer(fd)] = 77;
  batch.commit(1, 0, 0, 0, 0);
  fixture.udp.retire(channel);
  const other = fixture.choose(1);
  assert.equal(fixture.channels.fds[other], fd, "the descriptor is used again");
  for (const each of fixture.batches) each.flush();
  fixture.sim.clock.runDue();
  assert.deepEqual(
    fixture.peers.map(({ received }) => received.map(({ bytes }) => [...bytes])),
    [[[77]], []],
  );
});

test("UdpChannels.sweep() retires what is too old and leaves nothing open", () => {
  const fixture = new Fixture();
  fixture.chooseAll(0);
  fixture.pass(UDP_CHANNEL_AGE_MS_MAX);
  fixture.udp.sweep(fixture.sim.clock.nowMs);
  assert.equal(fixture.channels.usedCount, UDP_CHANNELS_PER_UPSTREAM, "not yet");
  fixture.pass(1);
  fixture.udp.sweep(fixture.sim.clock.nowMs);
  assert.equal(fixture.channels.usedCount, 0);
  assert.equal(fixture.sim.openCount, fixture.openAtStart);
});

test("UdpChannels.choose() answers NO_CHANNEL without a socket, and tries again", () => {
  const fixture = new Fixture();
  fixture.sim.failNext("connect", ENETUNREACH);
  assert.equal(fixture.choose(0), NO_CHANNEL);
  assert.equal(fixture.sim.openCount, fixture.openAtStart, "nothing is left open");
  assert.notEqual(fixture.choose(0), NO_CHANNEL);
});

test("UdpChannels.choose() closes the socket when all channels are in use", () => {
  const fixture = new Fixture();
  for (let count = 0; count < CHANNELS_MAX; count++) fixture.channels.open(9999, 0, 0, 0);
  assert.equal(fixture.choose(0), NO_CHANNEL);
  assert.equal(fixture.sim.openCount, fixture.openAtStart);
});

test("UdpChannels.choose() draws another port when one is taken", () => {
  const fixture = new Fixture();
  fixture.sim.failNext("bind", EADDRINUSE, 3);
  assert.notEqual(fixture.choose(0), NO_CHANNEL);
  assert.equal(fixture.sim.calls.get("bind"), 4);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SimKernel } from "../../tests/support/sim_kernel.ts";
import { SimTcpServer } from "../../tests/support/sim_peers.ts";
import { joinBytes } from "../../tests/support/tcp_plane.ts";
import {
  TCP_CHANNEL_AGE_MS_MAX,
  TCP_CHANNEL_BUSY_COUNT,
  TCP_CHANNEL_SEND_BYTES,
  TCP_CHANNELS_MAX,
  TCP_CHANNELS_PER_UPSTREAM,
  TCP_CONNECT_TIMEOUT_MS,
  TCP_MESSAGE_BYTES_MAX,
  UPSTREAMS_MAX,
} from "../limits.ts";
import { EAGAIN, ENETUNREACH } from "../sys/errno.ts";
import { EPOLL_EVENT_BYTES, EPOLL_EVENT_DATA, EPOLLOUT } from "../sys/layout.ts";
import { Sockets } from "../sys/sockets.ts";
import { Channels, NO_CHANNEL } from "./channels.ts";
import { TcpChannels } from "./tcp_channels.ts";
import { TCP_IDLE, TCP_OVER, TCP_READ } from "./tcp_inbox.ts";
import { UPSTREAM_DEFAULTS, Upstream, type UpstreamSettings } from "./upstream.ts";

const TAG = 0x0200_0000;
const ADDRESS = "198.51.100.1";
const EXPIRE_MS = 10_000;

class Fixture {
  readonly sim: SimKernel;
  readonly channels = new Channels();
  readonly tcp: TcpChannels;
  readonly server: SimTcpServer;
  readonly known: Upstream[];
  readonly openAtStart: number;
  readonly #epoll: number;
  readonly #events: number;
  readonly #message: number;

  constructor(upstreamCount = 1, tcpSendBytes = 128 * 1024, parts: Partial<UpstreamSettings> = {}) {
    this.sim = new SimKernel({ tcpSendBytes });
    this.server = new SimTcpServer(this.sim, ADDRESS, 53);
    const settings = { ...UPSTREAM_DEFAULTS, forceTcp: true, expireMs: EXPIRE_MS, ...parts };
    const one = () => new Upstream({ address: ADDRESS, port: 53, ...settings });
    this.known = Array.from({ length: upstreamCount }, one);
    this.#epoll = this.sim.epollCreate();
    this.#events = this.sim.slab.carve(64 * EPOLL_EVENT_BYTES);
    this.#message = this.sim.slab.carve(TCP_CHANNEL_SEND_BYTES);
    const sockets = new Sockets(this.sim);
    this.tcp = new TcpChannels(this.sim, sockets, this.channels, this.#epoll, TAG, () =>
      this.#connectSecure(sockets),
    );
    this.openAtStart = this.sim.openCount;
  }

  /** The other ends of connections by TLS. */
  readonly otherEnds: number[] = [];

  #connectSecure(sockets: Sockets): number {
    const fd = sockets.connectPair();
    if (fd >= 0) this.otherEnds.push(sockets.otherEnd);
    return fd;
  }

  choose(upstream = 0): number {
    return this.tcp.choose(upstream, this.known[upstream]!, this.sim.clock.nowMs);
  }

  append(channel: number, message: Uint8Array): boolean {
    this.sim.slab.bytes.set(message, this.#message);
    return this.tcp.append(channel, this.#message, message.length);
  }

  /** What epoll says now: the events of each channel. */
  events(): Map<number, number> {
    const { slab } = this.sim;
    const count = this.sim.epollWait(this.#epoll, this.sim.pointer(this.#events), 64, 0);
    return new Map(
      Array.from({ length: count }, (_, index) => {
        const at = this.#events + index * EPOLL_EVENT_BYTES;
        const tag = slab.view.getUint32(at + EPOLL_EVENT_DATA, true);
        return [tag - TAG, slab.view.getUint32(at, true)];
      }),
    );
  }

  /** Lets the connection come about and takes the event that says so. */
  connect(channel: number): void {
    this.sim.clock.runDue();
    assert.equal(this.events().get(channel)! & EPOLLOUT, EPOLLOUT);
    assert.equal(this.tcp.handleWritable(channel), TCP_IDLE);
  }

  /** A channel that is connected, and its other end. */
  connected() {
    const channel = this.choose();
    this.connect(channel);
    return { channel, peer: this.server.connections[0]! };
  }

  /** All messages that are there, with the codes of the reads in between. */
  messages(channel: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    while (this.tcp.handleReadable(channel) === TCP_READ) {
      for (;;) {
        const length = this.tcp.nextMessage(channel);
        if (length === 0) break;
        const { messageOffset } = this.tcp;
        found.push(this.sim.slab.bytes.slice(messageOffset, messageOffset + length));
      }
    }
    return found;
  }

  pass(ms: number): void {
    this.sim.clock.advanceTo(this.sim.clock.nowMs + ms);
  }
}

function framed(message: Uint8Array): Uint8Array {
  return joinBytes([Uint8Array.of(message.length >> 8, message.length & 0xff), message]);
}

function numbered(length: number, first: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (first + at) & 0xff);
}

test("TcpChannels.append() waits for the connection and the end of the turn: one sendmsg", () => {
  const fixture = new Fixture();
  const channel = fixture.choose();
  fixture.append(channel, numbered(3, 1));
  fixture.tcp.flush();
  assert.equal(fixture.sim.calls.get("sendmsg") ?? 0, 0);
  fixture.connect(channel);
  fixture.append(channel, numbered(2, 9));
  fixture.append(channel, numbered(1, 7));
  fixture.tcp.flush();
  fixture.tcp.flush();
  fixture.sim.clock.runDue();
  assert.equal(fixture.sim.calls.get("sendmsg"), 2);
  const expected = joinBytes([numbered(3, 1), numbered(2, 9), numbered(1, 7)].map(framed));
  assert.deepEqual(fixture.server.connections[0]!.received, expected);
  assert.equal(fixture.events().size, 0, "it does not wait to be writable any more");
});

test("TcpChannels.append() answers false when its buffer is full, and goes on when it drains", () => {
  const fixture = new Fixture(1, 1000);
  const { channel, peer } = fixture.connected();
  peer.stream.receiveLimitBytes = 1000;
  peer.isPaused = true;
  const message = numbered(1022, 5);
  let count = 0;
  while (fixture.append(channel, message)) count += 1;
  assert.equal(count, TCP_CHANNEL_SEND_BYTES / 1024);
  fixture.tcp.flush();
  peer.resume();
  for (let turn = 0; turn < 200; turn++) {
    fixture.sim.clock.runDue();
    if (fixture.events().has(channel)) fixture.tcp.handleWritable(channel);
    if (turn < 100 && turn % 3 === 0 && fixture.append(channel, message)) count += 1;
    fixture.tcp.flush();
  }
  assert.ok(count > TCP_CHANNEL_SEND_BYTES / 1024);
  assert.deepEqual(peer.received, joinBytes(Array(count).fill(framed(message))));
});

test("TcpChannels.nextMessage() finds what was sent, however it is cut", () => {
  const lengths = fc.array(fc.nat({ max: 400 }), { maxLength: 20 });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 500 }), (sizes, segmentBytes) => {
      const fixture = new Fixture();
      const { channel, peer } = fixture.connected();
      const messages = sizes.map((size, index) => numbered(size, index));
      peer.stream.segmentBytesMax = segmentBytes;
      const found: Uint8Array[] = [];
      for (const message of messages) {
        peer.write(framed(message));
        fixture.sim.clock.runDue();
        found.push(...fixture.messages(channel));
      }
      assert.deepEqual(
        found,
        messages.filter(({ length }) => length > 0),
      );
    }),
    { numRuns: 50 },
  );
});

test("TcpChannels.nextMessage() takes the longest message there is", () => {
  const fixture = new Fixture();
  const { channel, peer } = fixture.connected();
  const longest = numbered(TCP_MESSAGE_BYTES_MAX, 3);
  peer.write(joinBytes([framed(numbered(9, 1)), framed(longest), framed(numbered(2, 8))]));
  fixture.sim.clock.runDue();
  assert.deepEqual(fixture.messages(channel), [numbered(9, 1), longest, numbered(2, 8)]);
});

test("TcpChannels.nextMessage() steps over a buffer full of empty messages", () => {
  const fixture = new Fixture();
  const { channel, peer } = fixture.connected();
  peer.write(joinBytes([new Uint8Array(100_000), framed(numbered(4, 1))]));
  fixture.sim.clock.runDue();
  assert.deepEqual(fixture.messages(channel), [numbered(4, 1)]);
});

test("TcpChannels.choose() opens a second connection when the first is busy, and no third", () => {
  const fixture = new Fixture();
  const first = fixture.choose();
  fixture.channels.inFlightCounts[first] = TCP_CHANNEL_BUSY_COUNT - 1;
  assert.equal(fixture.choose(), first);
  fixture.channels.inFlightCounts[first] = TCP_CHANNEL_BUSY_COUNT;
  const second = fixture.choose();
  assert.notEqual(second, first);
  fixture.channels.inFlightCounts[second] = TCP_CHANNEL_BUSY_COUNT + 5;
  assert.equal(fixture.choose(), first, "the one with less to do");
  assert.equal(fixture.channels.usedCount, TCP_CHANNELS_PER_UPSTREAM);
});

test("TcpChannels.choose() replaces a connection at its age; the old one ends when it is idle", () => {
  const fixture = new Fixture();
  const old = fixture.choose();
  fixture.channels.inFlightCounts[old] = 1;
  fixture.pass(TCP_CHANNEL_AGE_MS_MAX);
  assert.equal(fixture.choose(), old);
  fixture.pass(1);
  assert.notEqual(fixture.choose(), old);
  assert.equal(fixture.channels.isOpen(old), true);
  fixture.channels.inFlightCounts[old] = 0;
  fixture.tcp.closeIfDone(old);
  assert.equal(fixture.channels.isOpen(old), false);
  assert.equal(fixture.sim.openCount, fixture.openAtStart + 1);
});

test("TcpChannels.choose() answers NO_CHANNEL without socket or buffer, and leaks neither", () => {
  const fixture = new Fixture(UPSTREAMS_MAX);
  for (let tries = 0; tries < TCP_CHANNELS_MAX * 2; tries++) {
    fixture.sim.failNext(tries % 2 === 0 ? "connect" : "socket", ENETUNREACH);
    assert.equal(fixture.choose(0), NO_CHANNEL);
  }
  const chosen = fixture.known.map((_, upstream) => fixture.choose(upstream));
  assert.equal(new Set(chosen).size, TCP_CHANNELS_MAX);
  assert.equal(fixture.sim.openCount, fixture.openAtStart + TCP_CHANNELS_MAX);
  fixture.channels.inFlightCounts[chosen[0]!] = TCP_CHANNEL_BUSY_COUNT;
  assert.equal(fixture.choose(0), chosen[0], "no buffer is left for a second one");
  fixture.tcp.retire(chosen[1]!);
  assert.notEqual(fixture.choose(0), chosen[0]);
  assert.equal(fixture.choose(1), NO_CHANNEL);
});

test("TcpChannels.append() begins with an empty buffer on a connection that reuses one", () => {
  const fixture = new Fixture();
  const first = fixture.choose();
  fixture.append(first, numbered(40, 1));
  fixture.tcp.retire(first);
  const second = fixture.choose();
  assert.equal(second, first, "the number is used again, in the same turn");
  fixture.append(second, numbered(3, 7));
  fixture.tcp.flush();
  fixture.connect(second);
  fixture.sim.clock.runDue();
  const last = fixture.server.connections.at(-1)!;
  assert.deepEqual(last.received, framed(numbered(3, 7)));
});

test("TcpChannels.handleWritable() says TCP_OVER when the connection is refused", () => {
  const fixture = new Fixture();
  fixture.server.close();
  const channel = fixture.choose();
  fixture.sim.clock.runDue();
  assert.ok(fixture.events().has(channel));
  assert.equal(fixture.tcp.handleWritable(channel), TCP_OVER);
  assert.equal(fixture.tcp.isConnected(channel), false);
});

test("TcpChannels.handleReadable() says TCP_OVER at the end and after a reset", () => {
  for (const end of ["close", "reset"] as const) {
    const fixture = new Fixture();
    const { channel, peer } = fixture.connected();
    assert.equal(fixture.tcp.handleReadable(channel), TCP_IDLE);
    peer[end]();
    fixture.sim.clock.runDue();
    assert.equal(fixture.tcp.handleReadable(channel), TCP_OVER, end);
  }
});

test("TcpChannels.overdue() finds connections that are idle or not made, and no others", () => {
  const fixture = new Fixture(3);
  const overdue = () => fixture.tcp.overdue(fixture.known, fixture.sim.clock.nowMs);
  const [idle, busy, stuck] = [fixture.choose(0), fixture.choose(1), fixture.choose(2)];
  fixture.connect(idle);
  fixture.tcp.handleWritable(busy);
  fixture.channels.inFlightCounts[busy] = 1;
  fixture.channels.inFlightCounts[stuck] = 1;
  fixture.pass(TCP_CONNECT_TIMEOUT_MS);
  assert.equal(overdue(), NO_CHANNEL);
  fixture.pass(1);
  assert.equal(overdue(), stuck);
  fixture.channels.inFlightCounts[stuck] = 0;
  fixture.tcp.retire(stuck);
  assert.equal(overdue(), NO_CHANNEL);
  fixture.pass(EXPIRE_MS - TCP_CONNECT_TIMEOUT_MS - 1);
  assert.equal(overdue(), NO_CHANNEL);
  fixture.pass(1);
  assert.equal(overdue(), idle);
});

const TLS = { serverName: null, certFile: null, keyFile: null, caFile: null };

test("TLS: queries wait until bytes come from the other end, even those of no message", () => {
  const fixture = new Fixture(1, 128 * 1024, { tls: TLS });
  const { tcp, sim } = fixture;
  const channel = fixture.choose();
  const [otherEnd] = fixture.otherEnds;
  const buffer = sim.slab.carve(64);
  const read = () => sim.read(otherEnd!, sim.pointer(buffer), 64);
  assert.ok(fixture.append(channel, Uint8Array.of(1, 2, 3)));
  tcp.flush();
  assert.equal(read(), -EAGAIN);
  assert.equal(tcp.isConnected(channel), false);
  sim.slab.bytes.fill(0, buffer, buffer + 2);
  sim.write(otherEnd!, sim.pointer(buffer), 2);
  sim.clock.advanceTo(sim.clock.nowMs);
  assert.equal(tcp.handleReadable(channel), TCP_READ);
  assert.equal(tcp.nextMessage(channel), 0);
  assert.equal(tcp.isConnected(channel), true);
  sim.clock.advanceTo(sim.clock.nowMs);
  assert.equal(read(), 5);
  assert.deepEqual([...sim.slab.bytes.subarray(buffer, buffer + 5)], [0, 3, 1, 2, 3]);
  sim.close(otherEnd!);
  sim.clock.advanceTo(sim.clock.nowMs);
  assert.equal(tcp.handleReadable(channel), TCP_OVER);
  tcp.retire(channel);
  assert.equal(sim.openCount, fixture.openAtStart);
});

test("TLS: a connection that is not made in time is overdue", () => {
  const fixture = new Fixture(1, 128 * 1024, { tls: TLS });
  const channel = fixture.choose();
  const atMs = fixture.sim.clock.nowMs + TCP_CONNECT_TIMEOUT_MS;
  assert.equal(fixture.tcp.overdue(fixture.known, atMs), NO_CHANNEL);
  assert.equal(fixture.tcp.overdue(fixture.known, atMs + 1), channel);
});

test("overdue() names idle connections beside those that max_idle_conns allows", () => {
  const fixture = new Fixture(1, 128 * 1024, { maxIdleConns: 1 });
  const { channels, tcp, known, sim } = fixture;
  const first = fixture.choose();
  channels.inFlightCounts[first] = TCP_CHANNEL_BUSY_COUNT;
  const second = fixture.choose();
  assert.notEqual(first, second);
  assert.equal(tcp.overdue(known, sim.clock.nowMs), NO_CHANNEL);
  channels.inFlightCounts[first] = 0;
  const spare = tcp.overdue(known, sim.clock.nowMs);
  assert.ok(spare === first || spare === second);
  tcp.retire(spare);
  assert.equal(tcp.overdue(known, sim.clock.nowMs), NO_CHANNEL);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { EMFILE, ETIMEDOUT } from "../../src/sys/errno.ts";
import {
  AF_INET,
  EPOLL_CTL_ADD,
  EPOLLIN,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from "../../src/sys/layout.ts";
import { KernelCalls } from "../sys/kernel_calls.ts";
import { SimKernel } from "./sim_kernel.ts";
import type { PathOptions } from "./sim_network.ts";
import { connectTcpPeer, SimTcpServer, SimUdpPeer } from "./sim_peers.ts";

const SERVER = { address: "192.0.2.53", port: 53 };
const CLIENT = "198.51.100.7";

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Sends 200 datagrams over a path and answers the numbers of those that came, in that order. */
function carry(path: PathOptions, seed: number): number[] {
  const sim = new SimKernel({ seed, slabBytes: 4096 });
  sim.network.setPath("*", SERVER.address, path);
  const server = new SimUdpPeer(sim, SERVER.address, SERVER.port);
  const client = new SimUdpPeer(sim, CLIENT, 0);
  for (let number = 0; number < 200; number++) {
    client.send(encode(String(number)), SERVER);
    sim.clock.advanceTo(sim.clock.nowMs + 1);
  }
  sim.clock.advanceTo(sim.clock.nowMs + 1000);
  return server.received.map(({ bytes }) => Number(decode(bytes)));
}

const IN_ORDER = Array.from({ length: 200 }, (_, number) => number);

test("a path without options carries all datagrams in order", () => {
  assert.deepEqual(carry({}, 1), IN_ORDER);
  assert.deepEqual(carry({ delayMs: 30 }, 1), IN_ORDER);
});

test("a path loses, doubles and reorders at the ratios asked for, repeatably by seed", () => {
  const lossy = carry({ lossRatio: 0.3 }, 2);
  assert.ok(lossy.length > 110 && lossy.length < 170, `${lossy.length} came`);
  assert.deepEqual(lossy, carry({ lossRatio: 0.3 }, 2));
  assert.notDeepEqual(lossy, carry({ lossRatio: 0.3 }, 3));
  const doubled = carry({ duplicateRatio: 0.5 }, 2);
  assert.ok(doubled.length > 270 && doubled.length < 330, `${doubled.length} came`);
  const mixed = carry({ jitterMs: 20 }, 2);
  assert.notDeepEqual(mixed, IN_ORDER);
  assert.deepEqual(
    [...mixed].sort((a, b) => a - b),
    IN_ORDER,
  );
});

test("a path without hope loses everything and no ICMP comes back", () => {
  const sim = new SimKernel({ slabBytes: 4096 });
  sim.network.setPath("*", "203.0.113.1", { lossRatio: 1 });
  const client = new SimUdpPeer(sim, CLIENT, 0);
  client.send(encode("x"), { address: "203.0.113.1", port: 53 });
  client.send(encode("x"), { address: "203.0.113.2", port: 53 });
  sim.clock.advanceTo(sim.clock.nowMs + 1);
  assert.deepEqual(client.refused, [{ address: "203.0.113.2", port: 53 }]);
  assert.equal(sim.network.lostCount, 1);
});

test("sleeping moves the clock to the moment at which something arrives", () => {
  const sim = new SimKernel();
  const calls = new KernelCalls(sim);
  const fd = calls.sockets.listenUdp(SERVER.address, SERVER.port, 4096, false);
  sim.network.setPath("*", "*", { delayMs: 70 });
  const client = new SimUdpPeer(sim, CLIENT, 4000);
  client.send(encode("hello"), SERVER);
  const startMs = sim.monotonicMs();
  assert.equal(calls.poll(fd, EPOLLIN, 50), 0);
  assert.equal(sim.monotonicMs(), startMs + 50);
  assert.equal(calls.poll(fd, EPOLLIN, 50), EPOLLIN);
  assert.equal(sim.monotonicMs(), startMs + 70);
  assert.equal(sim.wallMs() - sim.monotonicMs(), sim.wallMs() - startMs - 70);
  assert.equal(calls.await(fd).from, CLIENT);
});

test("no sleep goes beyond the horizon, and the kernel counts those that would", () => {
  const sim = new SimKernel();
  const calls = new KernelCalls(sim);
  const fd = calls.kernel.eventfd();
  const epoll = calls.kernel.epollCreate();
  calls.sockets.watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 0);
  const startMs = sim.monotonicMs();
  sim.horizonMs = startMs + 30;
  assert.deepEqual(calls.events(epoll, 20), []);
  assert.equal(sim.horizonCount, 0);
  assert.deepEqual(calls.events(epoll, 20), []);
  assert.deepEqual([sim.monotonicMs() - startMs, sim.horizonCount], [30, 1]);
});

test("a sleep that nothing can end is an error", () => {
  const calls = new KernelCalls(new SimKernel());
  const fd = calls.kernel.eventfd();
  assert.throws(() => calls.poll(fd, EPOLLIN, -1), /nothing will ever happen/);
});

test("failNext() makes calls fail and then work again", () => {
  const sim = new SimKernel();
  sim.failNext("socket", EMFILE, 2);
  const open = () => sim.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  assert.deepEqual([open(), open(), open()], [-EMFILE, -EMFILE, 3]);
  assert.equal(sim.calls.get("socket"), 3);
});

test("descriptorsMax is the most descriptors that can be open", () => {
  const sim = new SimKernel({ descriptorsMax: 2 });
  assert.deepEqual([sim.eventfd(), sim.eventfd(), sim.eventfd()], [3, 4, -EMFILE]);
  assert.equal(sim.openCount, 2);
});

test("randomBytes() repeats with the seed", () => {
  const draw = (seed: number) => {
    const bytes = new Uint8Array(16);
    new SimKernel({ seed }).randomBytes(bytes);
    return bytes;
  };
  assert.deepEqual(draw(5), draw(5));
  assert.notDeepEqual(draw(5), draw(6));
});

test("TCP peers exchange bytes in order over a path that loses and delays", () => {
  const sim = new SimKernel({ seed: 4, slabBytes: 4096 });
  sim.network.setPath("*", "*", { delayMs: 5, jitterMs: 30, lossRatio: 0.2 });
  const server = new SimTcpServer(sim, "203.0.113.1", 53);
  const client = connectTcpPeer(sim, CLIENT, server.local);
  client.stream.segmentBytesMax = 7;
  const sent = Array.from({ length: 500 }, (_, at) => at & 0xff);
  client.write(new Uint8Array(sent));
  client.finish();
  sim.clock.advanceTo(sim.clock.nowMs + 60_000);
  const [peer] = server.connections;
  assert.deepEqual([...peer!.received], sent);
  assert.equal(peer!.isFinished, true);
  assert.equal(peer!.isBroken, false);
});

test("a paused TCP peer stops the other's writes until it resumes", () => {
  const sim = new SimKernel({ tcpReceiveBytes: 1000, tcpSendBytes: 500, slabBytes: 4096 });
  const server = new SimTcpServer(sim, "203.0.113.1", 53);
  const client = connectTcpPeer(sim, CLIENT, server.local);
  sim.clock.runDue();
  const [peer] = server.connections;
  peer!.isPaused = true;
  client.write(new Uint8Array(5000));
  sim.clock.runDue();
  assert.equal(peer!.stream.readableBytes, 1000);
  assert.equal(client.stream.unsentBytes, 500);
  peer!.resume();
  sim.clock.runDue();
  assert.equal(peer!.received.length, 5000);
});

test("takeMessage() answers whole DNS messages only", () => {
  const sim = new SimKernel({ slabBytes: 4096 });
  const server = new SimTcpServer(sim, "203.0.113.1", 53);
  const client = connectTcpPeer(sim, CLIENT, server.local);
  client.write(new Uint8Array([0, 3, 7, 8]));
  sim.clock.runDue();
  const [peer] = server.connections;
  assert.equal(peer!.takeMessage(), null);
  client.write(new Uint8Array([9, 0]));
  sim.clock.runDue();
  assert.deepEqual(peer!.takeMessage(), new Uint8Array([7, 8, 9]));
  assert.equal(peer!.takeMessage(), null);
});

test("a connection into a hole times out", () => {
  const sim = new SimKernel({ slabBytes: 4096 });
  sim.network.setPath("*", "203.0.113.1", { lossRatio: 1 });
  const client = connectTcpPeer(sim, CLIENT, { address: "203.0.113.1", port: 53 });
  sim.clock.advanceTo(sim.clock.nowMs + 126_000);
  assert.equal(client.isBroken, false);
  sim.clock.advanceTo(sim.clock.nowMs + 2000);
  assert.equal(client.isBroken, true);
  assert.equal(client.stream.takeError(), ETIMEDOUT);
});

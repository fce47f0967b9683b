import assert from "node:assert/strict";
import { test } from "node:test";
import { SimKernel } from "../../tests/support/sim_kernel.ts";
import { SimTcpServer, SimUdpPeer } from "../../tests/support/sim_peers.ts";
import { EACCES, ECONNREFUSED, EMFILE, ENETUNREACH, EPERM, SysError } from "./errno.ts";
import { Sockets } from "./sockets.ts";

const UPSTREAM = { address: "203.0.113.1", port: 53 };

function fixture(options: ConstructorParameters<typeof SimKernel>[0] = {}) {
  const sim = new SimKernel(options);
  return { sim, sockets: new Sockets(sim) };
}

test("listenUdp() and listenTcp() say what they tried, and close what they opened", () => {
  const { sim, sockets } = fixture();
  sim.failNext("bind", EACCES, 2);
  assert.throws(() => sockets.listenUdp("192.0.2.53", 53, 4096, false), {
    name: "SysError",
    code: "EACCES",
    message: /^Cannot listen on UDP 192\.0\.2\.53:53: permission denied \(EACCES\)/,
  });
  assert.throws(() => sockets.listenTcp("2001:db8::53", 53), {
    message: /^Cannot listen on TCP \[2001:db8::53\]:53: permission denied \(EACCES\)/,
  });
  sim.failNext("listen", EACCES);
  assert.throws(() => sockets.listenTcp("192.0.2.53", 53), SysError);
  sim.failNext("socket", EMFILE);
  assert.throws(() => sockets.listenUdp("192.0.2.53", 53, 4096, false), { errno: EMFILE });
  assert.equal(sim.openCount, 0);
});

test("listenUdp() throws for an address of another machine", () => {
  const { sim, sockets } = fixture();
  assert.throws(() => sockets.listenUdp("203.0.113.9", 53, 4096, false), { code: "EADDRNOTAVAIL" });
  assert.equal(sim.openCount, 0);
});

test("listenUdp() does with the usual receive buffer where no larger one is allowed", () => {
  const { sim, sockets } = fixture();
  sockets.listenUdp("192.0.2.53", 53, 4 << 20, false);
  const before = sim.calls.get("setsockopt")!;
  // The last option of a listener is SO_RCVBUFFORCE; SO_RCVBUF follows when that is refused.
  sim.failNext("setsockopt", EPERM, before);
  sockets.listenUdp("192.0.2.53", 54, 4 << 20, false);
  assert.equal(sim.calls.get("setsockopt")! - before, before + 1);
});

test("listenUdp() and listenTcp() share a port with other workers, and find one at 0", () => {
  const { sockets } = fixture();
  const udp = sockets.listenUdp("192.0.2.53", 0, 4096, false);
  const port = sockets.localPort(udp);
  assert.ok(port > 0);
  for (let worker = 0; worker < 2; worker++) {
    assert.equal(sockets.localPort(sockets.listenUdp("192.0.2.53", port, 4096, false)), port);
    assert.equal(sockets.localPort(sockets.listenTcp("192.0.2.53", port)), port);
  }
});

test("localAddress() tells where a socket listens", () => {
  const { sockets } = fixture();
  for (const address of ["192.0.2.53", "2001:db8::53"]) {
    assert.equal(sockets.localAddress(sockets.listenTcp(address, 53)), address);
  }
});

test("connectUdp() binds to the port that was drawn, above the reserved ones", () => {
  const { sockets } = fixture();
  const draws: number[] = [];
  for (const drawn of [0, 1000, 64_511]) {
    const fd = sockets.connectUdp(UPSTREAM.address, UPSTREAM.port, (count) => {
      draws.push(count);
      return drawn;
    });
    assert.equal(sockets.localPort(fd), 1024 + drawn);
  }
  assert.deepEqual([...new Set(draws)], [64_512]);
});

test("connectUdp() draws again when a port is taken, and lets the kernel choose in the end", () => {
  const { sockets } = fixture();
  sockets.connectUdp(UPSTREAM.address, UPSTREAM.port, () => 7);
  const draws = [7, 7, 8];
  const second = sockets.connectUdp(UPSTREAM.address, UPSTREAM.port, () => draws.shift()!);
  assert.equal(sockets.localPort(second), 1024 + 8);
  let tries = 0;
  const third = sockets.connectUdp(UPSTREAM.address, UPSTREAM.port, () => {
    tries += 1;
    return 7;
  });
  assert.ok(tries > 1 && tries < 100, `${tries} draws`);
  assert.ok(sockets.localPort(third) > 0);
});

test("connectUdp() and connectTcp() answer the error and leave nothing open", () => {
  const { sim, sockets } = fixture();
  sim.failNext("connect", ENETUNREACH, 2);
  assert.equal(
    sockets.connectUdp(UPSTREAM.address, 53, () => 1),
    -ENETUNREACH,
  );
  assert.equal(sockets.connectTcp(UPSTREAM.address, 53), -ENETUNREACH);
  sim.failNext("socket", EMFILE, 2);
  assert.equal(
    sockets.connectUdp(UPSTREAM.address, 53, () => 1),
    -EMFILE,
  );
  assert.equal(sockets.connectTcp(UPSTREAM.address, 53), -EMFILE);
  assert.equal(sim.openCount, 0);
});

test("connectTcp() answers at once; pendingError() tells how it went, once", () => {
  const { sim, sockets } = fixture();
  new SimTcpServer(sim, UPSTREAM.address, UPSTREAM.port);
  sim.network.setPath("*", "*", { delayMs: 10 });
  const good = sockets.connectTcp(UPSTREAM.address, UPSTREAM.port);
  const bad = sockets.connectTcp(UPSTREAM.address, UPSTREAM.port + 1);
  assert.ok(good > 0 && bad > 0);
  sim.clock.advanceTo(sim.clock.nowMs + 30);
  assert.equal(sockets.pendingError(good), 0);
  assert.equal(sockets.pendingError(bad), ECONNREFUSED);
  assert.equal(sockets.pendingError(bad), 0);
});

test("a socket towards an upstream hears that upstream only", () => {
  const { sim, sockets } = fixture();
  const upstream = new SimUdpPeer(sim, UPSTREAM.address, UPSTREAM.port);
  const stranger = new SimUdpPeer(sim, "203.0.113.66", 53);
  const fd = sockets.connectUdp(UPSTREAM.address, UPSTREAM.port, () => 4000);
  const local = { address: "192.0.2.53", port: sockets.localPort(fd) };
  stranger.send(Uint8Array.of(1), local);
  upstream.send(Uint8Array.of(2), local);
  sim.clock.runDue();
  assert.deepEqual(stranger.refused, [local]);
  assert.deepEqual(upstream.refused, []);
});

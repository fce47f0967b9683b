import assert from "node:assert/strict";
import { test } from "node:test";
import { SimKernel } from "../../tests/support/sim_kernel.ts";
import { SimUdpPeer } from "../../tests/support/sim_peers.ts";
import { UDP_BATCH, UDP_QUERY_BYTES_MAX } from "../limits.ts";
import { EAGAIN } from "./errno.ts";
import { SOCKADDR_IN_BYTES, SOCKADDR_IN6_BYTES } from "./layout.ts";
import { ReceiveBatch } from "./receive_batch.ts";
import { readAddress, readPort } from "./sockaddr.ts";
import { Sockets } from "./sockets.ts";

const SERVER = { address: "192.0.2.53", port: 53 };

/** A wildcard listener on `family` and a batch to read it with. */
function fixture(wildcard = "0.0.0.0") {
  const sim = new SimKernel();
  const fd = new Sockets(sim).listenUdp(wildcard, 53, 4 << 20, true);
  return { sim, fd, batch: new ReceiveBatch(sim) };
}

function text({ sim, batch }: ReturnType<typeof fixture>, row: number): string {
  const offset = batch.bufferOffset(row);
  const bytes = sim.slab.bytes.slice(offset, offset + batch.lengthBytes(row));
  return new TextDecoder().decode(bytes);
}

for (const many of [true, false]) {
  test(`ReceiveBatch.receive() with many=${many} tells bytes, sender and address asked`, () => {
    const made = fixture();
    const { sim, fd, batch } = made;
    const client = new SimUdpPeer(sim, "198.51.100.7", 4000);
    assert.equal(batch.receive(fd, many), -EAGAIN);
    client.send(new TextEncoder().encode("hello"), SERVER);
    assert.equal(batch.receive(fd, many), 1);
    assert.equal(text(made, 0), "hello");
    assert.equal(batch.nameBytes(0), 16);
    assert.equal(readAddress(sim.slab, batch.nameOffset(0)), "198.51.100.7");
    assert.equal(readPort(sim.slab, batch.nameOffset(0)), 4000);
    assert.equal(batch.controlBytes(0), 32);
    assert.equal(batch.receive(fd, many), -EAGAIN);
  });
}

test("ReceiveBatch.receive() fills rows in order, at most UDP_BATCH of them", () => {
  const made = fixture();
  const { sim, fd, batch } = made;
  const client = new SimUdpPeer(sim, "198.51.100.7", 0);
  for (let index = 0; index < UDP_BATCH + 3; index++) {
    client.send(new TextEncoder().encode(`${index}`), SERVER);
  }
  assert.equal(batch.receive(fd, true), UDP_BATCH);
  for (let row = 0; row < UDP_BATCH; row++) assert.equal(text(made, row), `${row}`);
  assert.equal(batch.receive(fd, true), 3);
  assert.equal(text(made, 2), `${UDP_BATCH + 2}`);
});

test("ReceiveBatch.receive() resets what the kernel shortened before", () => {
  const made = fixture("::");
  const { sim, fd, batch } = made;
  const other = new Sockets(sim).listenUdp("0.0.0.0", 53, 4 << 20, false);
  const six = new SimUdpPeer(sim, "2001:db8::7", 0);
  const four = new SimUdpPeer(sim, "198.51.100.7", 0);
  const bytes = Uint8Array.of(1);
  for (let round = 0; round < 3; round++) {
    four.send(bytes, SERVER);
    four.send(bytes, SERVER);
    assert.equal(batch.receive(other, true), 2);
    assert.deepEqual([batch.nameBytes(0), batch.controlBytes(0)], [16, 0]);
    six.send(bytes, { address: "2001:db8::53", port: 53 });
    assert.equal(batch.receive(fd, round === 1), 1);
    assert.deepEqual([batch.nameBytes(0), batch.controlBytes(0)], [28, 40]);
    assert.equal(readAddress(sim.slab, batch.nameOffset(0)), "2001:db8::7");
  }
});

test("ReceiveBatch.receive() cuts what is longer than a query may be", () => {
  const { sim, fd, batch } = fixture();
  const client = new SimUdpPeer(sim, "198.51.100.7", 0);
  client.send(new Uint8Array(UDP_QUERY_BYTES_MAX + 100), SERVER);
  assert.equal(batch.receive(fd, true), 1);
  assert.equal(batch.lengthBytes(0), UDP_QUERY_BYTES_MAX);
});

test("ReceiveBatch has buffers that whole words can be read from, and that do not overlap", () => {
  const { batch } = fixture();
  for (let row = 0; row < UDP_BATCH; row++) {
    assert.equal(batch.bufferOffset(row) % 64, 0);
    if (row === 0) continue;
    assert.ok(batch.bufferOffset(row) - batch.bufferOffset(row - 1) >= UDP_QUERY_BYTES_MAX);
  }
});

test("ReceiveBatch.nameOffset() says who sent it, whoever sent what was there before", () => {
  const sim = new SimKernel();
  const batch = new ReceiveBatch(sim);
  const sockets = new Sockets(sim);
  const four = sockets.listenUdp("192.0.2.53", 53, 65_536, false);
  const six = sockets.listenUdp("2001:db8::53", 53, 65_536, false);
  const rounds: [many: boolean, fd: number, to: string, from: string, lengthBytes: number][] = [
    [true, four, "192.0.2.53", "198.51.100.1", SOCKADDR_IN_BYTES],
    [true, six, "2001:db8::53", "2001:db8:1:2:3:4:5:6", SOCKADDR_IN6_BYTES],
    [false, four, "192.0.2.53", "198.51.100.2", SOCKADDR_IN_BYTES],
    [false, six, "2001:db8::53", "2001:db8:a:b:c:d:e:f", SOCKADDR_IN6_BYTES],
    [true, six, "2001:db8::53", "2001:db8:6:5:4:3:2:1", SOCKADDR_IN6_BYTES],
  ];
  for (const [many, fd, to, from, lengthBytes] of rounds) {
    const peer = new SimUdpPeer(sim, from, 0);
    for (let count = 0; count < 3; count++) {
      peer.send(Uint8Array.of(count), { address: to, port: 53 });
    }
    for (let taken = 0; taken < 3; ) {
      const count = batch.receive(fd, many);
      assert.equal(count, many ? 3 : 1);
      for (let row = 0; row < count; row++) {
        const name = batch.nameOffset(row);
        const sender = { address: readAddress(sim.slab, name), port: readPort(sim.slab, name) };
        assert.deepEqual(sender, peer.local, `row ${row}`);
        assert.equal(batch.nameBytes(row), lengthBytes);
      }
      taken += count;
    }
  }
});

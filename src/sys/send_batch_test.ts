import assert from "node:assert/strict";
import { test } from "node:test";
import { SimKernel } from "../../tests/support/sim_kernel.ts";
import { pktinfoOf } from "../../tests/support/sim_memory.ts";
import { SimUdpPeer } from "../../tests/support/sim_peers.ts";
import { ECONNREFUSED, ENOBUFS } from "./errno.ts";
import { CMSG_DATA, CMSG_LEVEL, CMSG_TYPE } from "./layout.ts";
import { SendBatch } from "./send_batch.ts";
import { SOCKADDR_BYTES_MAX, writeSockaddr } from "./sockaddr.ts";
import { Sockets } from "./sockets.ts";

const ROWS = 4;
const CLIENT = { address: "198.51.100.7", port: 4000 };

function fixture() {
  const sim = new SimKernel();
  const sockets = new Sockets(sim);
  const name = sim.slab.carve(SOCKADDR_BYTES_MAX);
  const nameBytes = writeSockaddr(sim.slab, name, CLIENT.address, CLIENT.port);
  const client = new SimUdpPeer(sim, CLIENT.address, CLIENT.port);
  const batch = new SendBatch(sim, ROWS, 128);
  const send = (fd: number, text: string, toName = true) => {
    const bytes = new TextEncoder().encode(text);
    sim.slab.bytes.set(bytes, batch.buffer(fd));
    batch.commit(bytes.length, name, toName ? nameBytes : 0, 0, 0);
  };
  const received = () => {
    sim.clock.runDue();
    return client.received.splice(0).map(({ bytes }) => new TextDecoder().decode(bytes));
  };
  return { sim, sockets, batch, client, name, nameBytes, send, received };
}

function calls(sim: SimKernel): readonly [sendmsg: number, sendmmsg: number] {
  return [sim.calls.get("sendmsg") ?? 0, sim.calls.get("sendmmsg") ?? 0];
}

test("SendBatch.flush() sends all that was committed, in order and in one call", () => {
  const { sim, sockets, batch, send, received } = fixture();
  const fd = sockets.listenUdp("192.0.2.53", 53, 4096, false);
  for (const text of ["a", "bb", "ccc"]) send(fd, text);
  assert.deepEqual(received(), []);
  batch.flush();
  assert.deepEqual(received(), ["a", "bb", "ccc"]);
  assert.deepEqual(calls(sim), [0, 1]);
  batch.flush();
  assert.deepEqual(received(), []);
  send(fd, "alone");
  batch.flush();
  assert.deepEqual(received(), ["alone"]);
  assert.deepEqual(calls(sim), [1, 1]);
});

test("SendBatch.buffer() flushes what is full, and what belongs to another socket", () => {
  const { sockets, batch, client, send, received } = fixture();
  const first = sockets.listenUdp("192.0.2.53", 53, 4096, false);
  const second = sockets.listenUdp("192.0.2.53", 54, 4096, false);
  for (let index = 0; index < ROWS; index++) send(first, `${index}`);
  assert.deepEqual(received(), []);
  send(first, "next");
  assert.deepEqual(received(), ["0", "1", "2", "3"]);
  send(second, "other");
  assert.deepEqual(received(), ["next"]);
  batch.flush();
  assert.equal(client.received.length, 0);
  assert.deepEqual(received(), ["other"]);
});

test("SendBatch.buffer() asked twice without a commit is the same buffer", () => {
  const { sockets, batch, send, received } = fixture();
  const fd = sockets.listenUdp("192.0.2.53", 53, 4096, false);
  const offset = batch.buffer(fd);
  assert.equal(batch.buffer(fd), offset);
  assert.equal(offset % 4, 0);
  send(fd, "used");
  assert.notEqual(batch.buffer(fd), offset);
  batch.flush();
  assert.deepEqual(received(), ["used"]);
});

test("SendBatch.flush() steps over what the kernel refuses and counts it", () => {
  for (const refused of [0, 1, 2, 3]) {
    const { sim, sockets, batch, name, send, received } = fixture();
    const fd = sockets.listenUdp("192.0.2.53", 53, 4096, false);
    const texts = ["0", "1", "2", "3"];
    for (const [row, text] of texts.entries()) {
      // Nothing can be sent to port 0.
      writeSockaddr(sim.slab, name, CLIENT.address, row === refused ? 0 : CLIENT.port);
      send(fd, text);
    }
    batch.flush();
    assert.deepEqual(
      received(),
      texts.filter((_, row) => row !== refused),
    );
    assert.equal(batch.dropCount, 1);
    assert.equal(batch.lastErrno, 22);
  }
});

test("SendBatch.flush() ends when the kernel refuses everything", () => {
  const { sim, sockets, batch, send, received } = fixture();
  const fd = sockets.listenUdp("192.0.2.53", 53, 4096, false);
  sim.failNext("sendmmsg", ENOBUFS, 3);
  sim.failNext("sendmsg", ENOBUFS, 1);
  for (const text of ["0", "1", "2", "3"]) send(fd, text);
  batch.flush();
  assert.deepEqual(received(), []);
  assert.deepEqual([batch.dropCount, batch.lastErrno], [4, ENOBUFS]);
});

test("SendBatch.flush() sends again what an earlier message's ECONNREFUSED kept back", () => {
  const { sim, sockets, batch, client, send, received } = fixture();
  const fd = sockets.connectUdp(CLIENT.address, CLIENT.port, () => 5000);
  client.close();
  send(fd, "lost", false);
  batch.flush();
  sim.clock.runDue();
  const again = new SimUdpPeer(sim, CLIENT.address, CLIENT.port);
  send(fd, "kept", false);
  batch.flush();
  sim.clock.runDue();
  assert.deepEqual(
    again.received.map(({ bytes }) => new TextDecoder().decode(bytes)),
    ["kept"],
  );
  assert.equal(batch.dropCount, 0);
  assert.deepEqual(received(), []);
});

test("SendBatch.flush() gives up on ECONNREFUSED that does not go away", () => {
  const { sim, sockets, batch, send } = fixture();
  const fd = sockets.connectUdp(CLIENT.address, CLIENT.port, () => 5000);
  sim.failNext("sendmsg", ECONNREFUSED, 2);
  send(fd, "lost", false);
  batch.flush();
  assert.deepEqual([batch.dropCount, batch.lastErrno], [1, ECONNREFUSED]);
});

test("SendBatch.commit() takes the source address of a control message", () => {
  const { sim, sockets, batch, client, name, nameBytes } = fixture();
  const fd = sockets.listenUdp("0.0.0.0", 53, 4096, true);
  const control = sim.slab.carve(32);
  const { level, type, data } = pktinfoOf("127.0.0.99", 0);
  sim.slab.view.setUint32(control, CMSG_DATA + data.length, true);
  sim.slab.view.setInt32(control + CMSG_LEVEL, level, true);
  sim.slab.view.setInt32(control + CMSG_TYPE, type, true);
  sim.slab.bytes.set(data, control + CMSG_DATA);
  batch.buffer(fd);
  batch.commit(1, name, nameBytes, control, 32);
  batch.buffer(fd);
  batch.commit(1, name, nameBytes, 0, 0);
  batch.flush();
  sim.clock.runDue();
  assert.deepEqual(
    client.received.map(({ from }) => from.address),
    ["127.0.0.99", "192.0.2.53"],
  );
});

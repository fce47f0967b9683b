import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ids,
  joinBytes,
  queries,
  TcpPlane,
  takeIds,
  tcpQuery,
} from "../../tests/support/tcp_plane.ts";
import {
  TCP_CLIENT_IDLE_MS,
  TCP_CLIENT_PARTIAL_MS,
  TCP_CLIENT_PENDING_MAX,
  TCP_CLIENT_WRITE_MS,
  TCP_CLIENTS_MAX,
  TCP_CLIENTS_PER_ADDRESS_MAX,
  TCP_OUTPUT_BLOCKS,
} from "../limits.ts";
import { EMFILE } from "../sys/errno.ts";
import { IPPROTO_TCP, TCP_NODELAY } from "../sys/layout.ts";
import { flushTcp } from "./handle_tcp.ts";

const RCODE_MASK = 0xf;
const REFUSED = 5;
const FORMERR = 1;

function calls(fixture: TcpPlane, name: "recvmsg" | "sendmsg" | "epollCtl"): number {
  return fixture.sim.calls.get(name) ?? 0;
}

test("handleTcpEvent() answers 64 pipelined queries with one recvmsg and one sendmsg", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  fixture.run();
  const before = [calls(fixture, "recvmsg"), calls(fixture, "sendmsg"), calls(fixture, "epollCtl")];
  peer.write(queries(64, "hit.example.org."));
  fixture.run();
  assert.deepEqual(takeIds(peer), ids(64));
  const after = [calls(fixture, "recvmsg"), calls(fixture, "sendmsg"), calls(fixture, "epollCtl")];
  assert.deepEqual(after, [before[0]! + 1, before[1]! + 1, before[2]!]);
  assert.equal(fixture.count("queriesTcp"), 64);
  assert.equal(fixture.count("hits"), 64);
});

test("handleTcpEvent() answers queries that come one byte at a time", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  fixture.run();
  const bytes = joinBytes([tcpQuery(7, "refused.example.org."), tcpQuery(8, "hit.example.org.")]);
  for (const byte of bytes) {
    peer.write(Uint8Array.of(byte));
    fixture.run();
  }
  const refused = peer.takeMessage()!;
  assert.equal((refused[0]! << 8) | refused[1]!, 7);
  assert.equal(refused[3]! & RCODE_MASK, REFUSED);
  assert.deepEqual(takeIds(peer), [8]);
});

test("handleTcpEvent() answers however the bytes of many queries are cut", () => {
  const sent = queries(200, "refused.example.org.");
  for (const segmentBytes of [2, 3, 5, 37, 38, 1000, 4097, 4098, 4099]) {
    const fixture = new TcpPlane();
    const peer = fixture.connect();
    peer.stream.segmentBytesMax = segmentBytes;
    peer.write(sent);
    fixture.run();
    assert.deepEqual(takeIds(peer), ids(200), `segments of ${segmentBytes} bytes`);
  }
});

test("handleTcpEvent() sends answers of any length, one after the other", () => {
  for (const hitBytes of [100, 101, 102, 103, 1233, 65_535]) {
    const fixture = new TcpPlane({ tcpSendBytes: 1 << 20, tcpReceiveBytes: 1 << 20 }, hitBytes);
    const peer = fixture.connect();
    peer.write(queries(5, "hit.example.org."));
    fixture.run();
    for (const id of ids(5)) {
      const message = peer.takeMessage();
      assert.equal(message?.length, hitBytes);
      assert.equal((message[0]! << 8) | message[1]!, id);
      assert.equal(String.fromCharCode(...message.slice(13, 16)), "hit", `answer ${id}`);
    }
    assert.equal(peer.received.length, 0);
  }
});

test("deliverTcp() sends late answers of a turn with one sendmsg per connection", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  peer.write(queries(3, "later.example.org."));
  fixture.run();
  assert.deepEqual(takeIds(peer), []);
  const before = calls(fixture, "sendmsg");
  fixture.answer(500, fixture.waiting[2]!);
  fixture.answer(501, fixture.waiting[0]!);
  fixture.answer(502, fixture.waiting[1]!);
  fixture.turn();
  assert.equal(calls(fixture, "sendmsg"), before + 1);
  fixture.run();
  const late = peer.take(2 + 500)!;
  assert.deepEqual([...late.slice(0, 6)], [500 >> 8, 500 & 255, 0, 2, 2, 3]);
  assert.equal(late[501], 499 % 251);
  assert.deepEqual(takeIds(peer), [0, 1]);
});

test("handleTcpEvent() lets a fast answer overtake a slow one", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  peer.write(joinBytes([tcpQuery(1, "later.example.org."), tcpQuery(2, "hit.example.org.")]));
  fixture.run();
  assert.deepEqual(takeIds(peer), [2]);
  fixture.answer(90);
  fixture.run();
  assert.deepEqual(takeIds(peer), [1]);
});

test("deliverTcp() may be called while a query of the same connection is being handled", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  peer.write(joinBytes([tcpQuery(1, "later.example.org."), tcpQuery(2, "hit.example.org.")]));
  fixture.run();
  fixture.onMiss = () => fixture.answer(300);
  peer.write(joinBytes([tcpQuery(3, "hit.example.org."), tcpQuery(4, "later.example.org.")]));
  fixture.run();
  assert.deepEqual(takeIds(peer).sort(), [1, 2, 3]);
  fixture.answer(40);
  fixture.run();
  assert.deepEqual(takeIds(peer), [4]);
  assert.equal(fixture.plane.tcpClients.pendingCounts[0], 0);
});

test("deliverTcp() drops an answer whose connection has gone, even if its slot is used again", () => {
  const fixture = new TcpPlane();
  const gone = fixture.connect();
  gone.write(tcpQuery(1, "later.example.org."));
  fixture.run();
  gone.reset();
  fixture.run();
  assert.equal(fixture.plane.tcpClients.connectionCount, 0);
  const next = fixture.connect();
  next.write(tcpQuery(2, "later.example.org."));
  fixture.run();
  assert.equal(fixture.waiting[1]!.connection, fixture.waiting[0]!.connection);
  fixture.answer(60);
  fixture.run();
  assert.deepEqual(takeIds(next), []);
  fixture.answer(60);
  fixture.run();
  assert.deepEqual(takeIds(next), [2]);
});

test("flushTcp() closes a connection that was reset before its answer came, without SIGPIPE", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  peer.write(queries(2, "later.example.org."));
  peer.finish();
  fixture.run();
  peer.reset();
  fixture.sim.clock.runDue();
  for (let answers = 0; answers < 2; answers++) {
    fixture.answer(60);
    flushTcp(fixture.plane);
  }
  assert.equal(fixture.count("tcpOpen"), 0);
  assert.equal(fixture.sim.sigpipeCount, 0);
});

test("handleTcpEvent() delivers what a half-closed client has asked for, then closes", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  peer.write(joinBytes([tcpQuery(1, "later.example.org."), tcpQuery(2, "later.example.org.")]));
  peer.finish();
  fixture.run();
  assert.equal(fixture.turn(), false, "the end of the stream is reported once");
  fixture.answer(60);
  fixture.run();
  assert.deepEqual(takeIds(peer), [1]);
  assert.equal(peer.isFinished, false);
  fixture.answer(60);
  fixture.run();
  assert.deepEqual(takeIds(peer), [2]);
  assert.equal(peer.isFinished, true);
  assert.equal(fixture.count("tcpOpen"), 0);
});

test("handleTcpEvent() stops reading while TCP_CLIENT_PENDING_MAX questions wait", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  const count = TCP_CLIENT_PENDING_MAX * 3;
  peer.write(queries(count, "later.example.org."));
  fixture.run();
  assert.equal(fixture.waiting.length, TCP_CLIENT_PENDING_MAX);
  assert.equal(fixture.turn(), false, "input that is not read is not watched");
  fixture.answer(60);
  fixture.run();
  assert.equal(fixture.waiting.length, TCP_CLIENT_PENDING_MAX);
  for (let answered = 1; answered < count; answered++) {
    fixture.answer(60);
    fixture.run();
  }
  assert.deepEqual(takeIds(peer), ids(count));
  assert.equal(fixture.count("queriesTcp"), count);
});

const SMALL_BUFFERS = { tcpSendBytes: 4096, tcpReceiveBytes: 4096 };

test("handleTcpEvent() keeps what a slow client does not take, and reads on when it does", () => {
  const fixture = new TcpPlane(SMALL_BUFFERS, 10_001);
  const peer = fixture.connect();
  peer.isPaused = true;
  peer.write(queries(100, "hit.example.org."));
  fixture.run();
  const handled = fixture.count("queriesTcp");
  assert.ok(handled < 20, `${handled} queries were handled for a client that does not read`);
  peer.resume();
  fixture.run();
  assert.deepEqual(takeIds(peer), ids(100));
  fixture.pass(TCP_CLIENT_WRITE_MS / 1000 + 1);
  assert.equal(fixture.count("tcpClosedSlow"), 0);
});

test("handleTcpEvent() never puts an answer in the middle of another one", () => {
  const fixture = new TcpPlane(SMALL_BUFFERS);
  const peer = fixture.connect();
  peer.write(tcpQuery(1, "later.example.org."));
  fixture.run();
  // More than the socket takes at once, ready while the answer to 2 is staged.
  fixture.onMiss = () => fixture.answer(10_000);
  peer.write(joinBytes([tcpQuery(2, "hit.example.org."), tcpQuery(3, "later.example.org.")]));
  fixture.run();
  assert.equal(peer.received.length, 2 + 10_000 + 2 + 100);
  assert.deepEqual(takeIds(peer), [1, 2]);
});

test("sweepTcp() closes a client that does not take its answers", () => {
  const fixture = new TcpPlane(SMALL_BUFFERS, 10_000);
  const peer = fixture.connect();
  peer.isPaused = true;
  peer.write(queries(10, "hit.example.org."));
  fixture.run();
  fixture.pass(TCP_CLIENT_WRITE_MS / 1000 - 1);
  assert.equal(fixture.count("tcpClosedSlow"), 0);
  fixture.pass(1);
  assert.equal(fixture.count("tcpClosedSlow"), 1);
  assert.equal(fixture.plane.tcpClients.output.freeBlockCount, TCP_OUTPUT_BLOCKS);
});

test("deliverTcp() closes a client whose answers do not fit a block", () => {
  const fixture = new TcpPlane(SMALL_BUFFERS);
  const peer = fixture.connect();
  peer.isPaused = true;
  peer.write(queries(4, "later.example.org."));
  fixture.run();
  for (let answers = 0; answers < 4; answers++) fixture.answer(65_000);
  fixture.run();
  assert.equal(fixture.count("tcpClosedSlow"), 1);
  assert.equal(fixture.count("tcpOpen"), 0);
});

test("flushTcp() serves clients that read while others have blocked half of the blocks", () => {
  const fixture = new TcpPlane(SMALL_BUFFERS);
  const slow = ids(TCP_OUTPUT_BLOCKS).map(() => fixture.connect("192.0.2.8"));
  const fast = ids(TCP_OUTPUT_BLOCKS * 2).map(() => fixture.connect("192.0.2.9"));
  for (const peer of slow) peer.isPaused = true;
  for (const peer of [...slow, ...fast]) peer.write(tcpQuery(1, "later.example.org."));
  fixture.run();
  assert.equal(fixture.waiting.length, slow.length + fast.length);
  for (const _ of slow) fixture.answer(20_000);
  fixture.run();
  assert.equal(fixture.plane.tcpClients.output.blockedCount, TCP_OUTPUT_BLOCKS / 2);
  for (const _ of fast) fixture.answer(1000);
  fixture.run();
  for (const peer of fast) assert.deepEqual(takeIds(peer), [1]);
  assert.equal(fixture.count("tcpClosedSlow"), TCP_OUTPUT_BLOCKS / 2);
  for (const peer of slow) peer.resume();
  fixture.run();
  assert.equal(fixture.plane.tcpClients.output.freeBlockCount, TCP_OUTPUT_BLOCKS);
  assert.equal(fixture.plane.tcpClients.output.blockedCount, 0);
});

test("handleTcpEvent() closes at messages without a header", () => {
  for (const lengthBytes of [0, 1, 11]) {
    const fixture = new TcpPlane();
    const peer = fixture.connect();
    peer.write(joinBytes([tcpQuery(1, "hit.example.org."), Uint8Array.of(0, lengthBytes)]));
    fixture.run();
    assert.equal(fixture.count("tcpOpen"), 0, `length ${lengthBytes}`);
    assert.equal(fixture.count("dropShort"), 1);
  }
});

test("handleTcpEvent() answers FORMERR to a message too long to read, after what was asked before", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  const long = new Uint8Array(2 + 5000);
  long.set([5000 >> 8, 5000 & 255, 0x12, 0x34, 0x01, 0x00, 0, 1]);
  peer.write(joinBytes([tcpQuery(1, "later.example.org."), long]));
  fixture.run();
  assert.deepEqual(
    [...peer.takeMessage()!],
    [0x12, 0x34, 0x81, 0x80 | FORMERR, ...Array(8).fill(0)],
  );
  assert.equal(peer.isFinished, false);
  fixture.answer(60);
  fixture.run();
  assert.deepEqual(takeIds(peer), [1]);
  assert.equal(peer.isFinished, true);
  assert.equal(peer.isBroken, false);
  peer.close();
  fixture.run();
  assert.equal(fixture.count("tcpOpen"), 0);
});

test("sweepTcp() closes a client that goes on sending after a message too long to read", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  const long = new Uint8Array(2 + 65_535).fill(255);
  peer.write(long);
  for (let second = 0; second < TCP_CLIENT_PARTIAL_MS / 1000; second++) {
    assert.equal(fixture.count("tcpOpen"), second === 0 ? 0 : 1);
    peer.write(long);
    fixture.pass(1);
  }
  fixture.pass(1);
  assert.equal(fixture.count("tcpOpen"), 0);
});

test("sweepTcp() closes idle clients, not those that wait for an answer", () => {
  const fixture = new TcpPlane();
  const idle = fixture.connect();
  const waiting = fixture.connect();
  idle.write(tcpQuery(1, "hit.example.org."));
  waiting.write(tcpQuery(2, "later.example.org."));
  fixture.run();
  fixture.pass(TCP_CLIENT_IDLE_MS / 1000 - 1);
  assert.equal(fixture.count("tcpOpen"), 2);
  fixture.pass(1);
  assert.equal(idle.isFinished, true);
  assert.equal(waiting.isFinished, false);
  assert.equal(fixture.count("tcpClosedIdle"), 1);
  fixture.answer(60);
  fixture.pass(TCP_CLIENT_IDLE_MS / 1000 + 1);
  assert.deepEqual(takeIds(waiting), [2]);
  assert.equal(fixture.count("tcpOpen"), 0);
});

test("sweepTcp() closes a client that dribbles a message", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  fixture.run();
  for (const byte of tcpQuery(1, "hit.example.org.").slice(0, TCP_CLIENT_PARTIAL_MS / 1000)) {
    assert.equal(fixture.count("tcpOpen"), 1);
    peer.write(Uint8Array.of(byte));
    fixture.run();
    fixture.pass(1);
  }
  assert.equal(fixture.count("tcpClosedIdle"), 1);
});

test("sweepTcp() does not blame a client for input that we have not read", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  const all = queries(TCP_CLIENT_PENDING_MAX + 1, "later.example.org.");
  peer.write(all.slice(0, -1));
  fixture.run();
  fixture.pass(TCP_CLIENT_PARTIAL_MS / 1000 + 1);
  fixture.answer(60);
  fixture.pass(1);
  assert.equal(fixture.count("tcpOpen"), 1);
  peer.write(all.slice(-1));
  fixture.run();
  assert.equal(fixture.count("queriesTcp"), TCP_CLIENT_PENDING_MAX + 1);
});

test("acceptClients() sends small answers at once and refuses an address that has enough", () => {
  const fixture = new TcpPlane();
  const many = ids(TCP_CLIENTS_PER_ADDRESS_MAX + 1).map(() => fixture.connect("192.0.2.8"));
  fixture.run();
  const other = fixture.connect("192.0.2.9");
  fixture.run();
  assert.equal(fixture.count("tcpAccepted"), TCP_CLIENTS_PER_ADDRESS_MAX + 1);
  assert.equal(fixture.count("tcpRefused"), 1);
  assert.equal(many.at(-1)!.isFinished, true);
  assert.equal(other.isFinished, false);
  const value = fixture.sim.slab.carve(8);
  const length = fixture.sim.slab.carve(8);
  const fd = fixture.plane.tcpClients.fds[0]!;
  const { sim } = fixture;
  sim.slab.words[length >> 2] = 4;
  sim.getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, sim.pointer(value), sim.pointer(length));
  assert.equal(sim.slab.words[value >> 2], 1);
});

test("acceptClients() prefers a new client to one that is idle when all slots are taken", () => {
  const fixture = new TcpPlane();
  const peers = ids(TCP_CLIENTS_MAX).map((number) => fixture.connect(`192.0.2.${number % 100}`));
  fixture.run();
  assert.equal(fixture.count("tcpOpen"), TCP_CLIENTS_MAX);
  const refused = fixture.connect("198.51.100.1");
  fixture.run();
  assert.equal(refused.isFinished, true);
  assert.equal(fixture.count("tcpRefused"), 1);
  fixture.sim.clock.advanceTo(fixture.sim.clock.nowMs + 2000);
  for (const [number, peer] of peers.entries()) {
    if (number !== 77) peer.write(tcpQuery(1, "hit.example.org."));
  }
  fixture.run();
  const taken = fixture.connect("198.51.100.1");
  taken.write(tcpQuery(5, "hit.example.org."));
  fixture.run();
  assert.deepEqual(takeIds(taken), [5]);
  assert.equal(peers[77]!.isFinished, true);
  assert.equal(fixture.count("tcpClosedIdle"), 1);
});

test("sweepTcp() shortens the idle time as slots fill", () => {
  const fixture = new TcpPlane();
  for (const number of ids(Math.ceil(TCP_CLIENTS_MAX * 0.92)))
    fixture.connect(`192.0.2.${number % 100}`);
  fixture.run();
  fixture.pass(1);
  assert.equal(fixture.count("tcpClosedIdle"), 0);
  fixture.pass(1);
  assert.ok(fixture.count("tcpClosedIdle") > 0);
});

test("acceptClients() turns a client away when there are no descriptors", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  fixture.sim.failNext("accept4", EMFILE);
  fixture.run();
  assert.equal(peer.isFinished, true);
  assert.equal(fixture.count("tcpRefused"), 1);
  const next = fixture.connect();
  next.write(tcpQuery(1, "hit.example.org."));
  fixture.run();
  assert.deepEqual(takeIds(next), [1]);
});

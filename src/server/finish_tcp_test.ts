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
import { TCP_CLIENT_PENDING_MAX } from "../limits.ts";
import { closeAllTcp, finishAllTcp } from "./finish_tcp.ts";

test("finishAllTcp() ends idle connections at once, and others with their last answer", () => {
  const fixture = new TcpPlane();
  const [idle, waiting] = [fixture.connect(), fixture.connect()];
  idle.write(tcpQuery(1, "hit.example.org."));
  waiting.write(joinBytes([tcpQuery(2, "miss.example.org."), tcpQuery(3, "miss.example.org.")]));
  fixture.run();
  finishAllTcp(fixture.plane);
  fixture.run();
  assert.deepEqual([takeIds(idle), idle.isFinished], [[1], true]);
  fixture.answer(50);
  fixture.run();
  assert.deepEqual([takeIds(waiting), waiting.isFinished], [[2], false]);
  fixture.answer(50);
  fixture.run();
  assert.deepEqual([takeIds(waiting), waiting.isFinished], [[3], true]);
  assert.equal(fixture.count("tcpOpen"), 0);
});

test("finishAllTcp() lets each question be answered once that has had to wait", () => {
  const fixture = new TcpPlane();
  const peer = fixture.connect();
  fixture.run();
  // What is beyond the limit has been read, and waits.
  const count = TCP_CLIENT_PENDING_MAX + 10;
  peer.write(queries(count, "slow.example.org."));
  fixture.run();
  assert.equal(fixture.waiting.length, TCP_CLIENT_PENDING_MAX);
  finishAllTcp(fixture.plane);
  while (fixture.waiting.length > 0) {
    fixture.answer(100);
    fixture.run();
  }
  assert.deepEqual(takeIds(peer), ids(count));
  assert.ok(peer.isFinished);
});

test("closeAllTcp() closes every descriptor that the client side has opened", () => {
  const fixture = new TcpPlane();
  const before = fixture.sim.openCount;
  for (const address of ["192.0.2.7", "192.0.2.8", "192.0.2.9"]) fixture.connect(address);
  fixture.run();
  assert.equal(fixture.sim.openCount, before + 3);
  closeAllTcp(fixture.plane);
  assert.equal(fixture.sim.openCount, before - 1);
  assert.equal(fixture.plane.tcpClients.connectionCount, 0);
});

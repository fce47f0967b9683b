/** What TCP sockets must do, as checks that hold on every `Kernel`. */

import assert from "node:assert/strict";
import {
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINPROGRESS,
  ENOTCONN,
  EPIPE,
} from "../../src/sys/errno.ts";
import {
  AF_INET,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  SHUT_WR,
  SO_RCVBUF,
  SO_SNDBUF,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../src/sys/layout.ts";
import { type KernelCalls, NOTHING } from "./kernel_calls.ts";

const LOOPBACK = "127.0.0.1";
const ACCEPT_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;

/** A fresh TCP socket. */
function fresh(calls: KernelCalls): number {
  return calls.kernel.socket(AF_INET, SOCK_STREAM | ACCEPT_FLAGS, 0);
}

/** Both ends of a connection, with small buffers. */
function pair(calls: KernelCalls, address = LOOPBACK): [client: number, server: number] {
  const listener = calls.sockets.listenTcp(address, 0);
  calls.option(listener, SOL_SOCKET, SO_RCVBUF, 16_384);
  const port = calls.sockets.localPort(listener);
  const client = calls.sockets.connectTcp(address, port);
  assert.ok(client > 0, `connectTcp() answered ${client}`);
  calls.option(client, SOL_SOCKET, SO_SNDBUF, 16_384);
  calls.waitFor(listener, EPOLLIN);
  calls.waitFor(client, EPOLLOUT);
  const [server, from, fromPort] = calls.accept(listener, ACCEPT_FLAGS);
  assert.ok(server > 0, `accept4() answered ${server}`);
  assert.deepEqual([from, fromPort], [address, calls.sockets.localPort(client)]);
  assert.equal(calls.sockets.localPort(server), port);
  assert.equal(calls.kernel.close(listener), 0);
  return [client, server];
}

function close(calls: KernelCalls, ...descriptors: number[]): void {
  for (const fd of descriptors) assert.equal(calls.kernel.close(fd), 0);
}

function text(calls: KernelCalls, fd: number): string {
  const bytes = calls.read(fd);
  assert.ok(typeof bytes !== "number", `read answered ${bytes}`);
  return new TextDecoder().decode(bytes);
}

export const STREAM_CONTRACT: Record<string, (calls: KernelCalls) => void> = {
  "a connection is made without waiting and accepted with the client's address": (calls) => {
    const [client, server] = pair(calls);
    assert.equal(calls.sockets.pendingError(client), 0);
    assert.equal(calls.send(client, { text: "hello" }), 5);
    calls.waitFor(server, EPOLLIN);
    assert.equal(text(calls, server), "hello");
    close(calls, client, server);
  },

  "IPv6 connections are made likewise": (calls) => {
    const [client, server] = pair(calls, "::1");
    calls.write(server, new TextEncoder().encode("six"));
    calls.waitFor(client, EPOLLIN);
    assert.equal(text(calls, client), "six");
    close(calls, client, server);
  },

  "connect answers EINPROGRESS and, where nobody listens, ECONNREFUSED later": (calls) => {
    const listener = calls.sockets.listenTcp(LOOPBACK, 0);
    const port = calls.sockets.localPort(listener);
    close(calls, listener);
    const fd = fresh(calls);
    assert.equal(calls.connect(fd, LOOPBACK, port), -EINPROGRESS);
    const all = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP;
    assert.equal(calls.readiness(fd, EPOLLOUT), all);
    assert.equal(calls.sockets.pendingError(fd), ECONNREFUSED);
    close(calls, fd);
  },

  "accept4 answers EAGAIN when nobody waits": (calls) => {
    const listener = calls.sockets.listenTcp(LOOPBACK, 0);
    assert.equal(calls.accept(listener, ACCEPT_FLAGS)[0], NOTHING);
    assert.equal(calls.poll(listener, EPOLLIN), 0);
    close(calls, listener);
  },

  "reading and writing a socket that is not connected is refused": (calls) => {
    const fd = fresh(calls);
    assert.equal(calls.read(fd), -ENOTCONN);
    assert.equal(calls.send(fd, { text: "x" }), -EPIPE);
    assert.equal(calls.readiness(fd, EPOLLOUT), EPOLLOUT | EPOLLHUP);
    close(calls, fd);
  },

  "listenTcp() throws EADDRINUSE by name": (calls) => {
    const first = fresh(calls);
    assert.equal(calls.bind(first, LOOPBACK, 0), 0);
    assert.equal(calls.kernel.listen(first, 1), 0);
    const port = calls.sockets.localPort(first);
    assert.throws(() => calls.sockets.listenTcp(LOOPBACK, port), {
      name: "SysError",
      errno: EADDRINUSE,
    });
    close(calls, first);
  },

  "an open connection is writable; it is readable once bytes are there": (calls) => {
    const [client, server] = pair(calls);
    assert.equal(calls.readiness(server, EPOLLOUT), EPOLLOUT);
    assert.equal(calls.read(server), NOTHING);
    calls.send(client, { text: "x" });
    assert.equal(calls.readiness(server, EPOLLIN), EPOLLIN | EPOLLOUT);
    close(calls, client, server);
  },

  "a reader gets what has come, in the pieces it asks for": (calls) => {
    const [client, server] = pair(calls);
    calls.send(client, { text: "abcdef" });
    calls.waitFor(server, EPOLLIN);
    assert.equal((calls.read(server, 4) as Uint8Array).length, 4);
    assert.equal(text(calls, server), "ef");
    assert.equal(calls.read(server), NOTHING);
    const received = calls.receive(server);
    assert.equal(received, NOTHING);
    close(calls, client, server);
  },

  "recvmsg on a stream has no sender's address": (calls) => {
    const [client, server] = pair(calls);
    calls.send(client, { text: "abc" });
    const received = calls.await(server);
    assert.deepEqual([received.text, received.nameBytes, received.control.length], ["abc", 0, 0]);
    close(calls, client, server);
  },

  "a reader that stops makes the writer's sends partial, then EAGAIN": (calls) => {
    const [client, server] = pair(calls);
    let written = 0;
    let partial = 0;
    for (;;) {
      const count = calls.sendBytes(client, 60_000, written % 251);
      if (count < 0) {
        assert.equal(count, NOTHING);
        break;
      }
      if (count < 60_000) partial += 1;
      written += count;
      assert.ok(written < 64_000_000, "the writer is never stopped");
    }
    assert.ok(partial > 0, "no send was partial");
    assert.equal(calls.poll(client, EPOLLOUT), 0);
    let read = 0;
    while (read < written) {
      calls.waitFor(server, EPOLLIN);
      const bytes = calls.read(server, 60_000);
      assert.ok(typeof bytes !== "number", `read answered ${bytes}`);
      read += bytes.length;
    }
    assert.equal(read, written);
    calls.waitFor(client, EPOLLOUT);
    close(calls, client, server);
  },

  "after SHUT_WR the other end reads to the end and may still write": (calls) => {
    const [client, server] = pair(calls);
    calls.send(client, { text: "last" });
    assert.equal(calls.kernel.shutdown(client, SHUT_WR), 0);
    calls.waitFor(server, EPOLLRDHUP);
    assert.equal(calls.readiness(server, EPOLLIN), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    assert.equal(text(calls, server), "last");
    assert.equal(text(calls, server), "");
    assert.equal(calls.readiness(server, EPOLLIN), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    assert.equal(calls.send(client, { text: "more" }), -EPIPE);
    assert.equal(calls.send(server, { text: "answer" }), 6);
    calls.waitFor(client, EPOLLIN);
    assert.equal(text(calls, client), "answer");
    assert.equal(calls.kernel.shutdown(server, SHUT_WR), 0);
    calls.waitFor(server, EPOLLHUP);
    const all = EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP;
    assert.equal(calls.readiness(server, EPOLLHUP), all);
    close(calls, client, server);
  },

  "closing with unread bytes resets the connection": (calls) => {
    const [client, server] = pair(calls);
    calls.send(client, { text: "unread" });
    calls.waitFor(server, EPOLLIN);
    close(calls, server);
    calls.waitFor(client, EPOLLHUP);
    const all = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP;
    assert.equal(calls.readiness(client, EPOLLHUP), all);
    assert.equal(calls.read(client), -ECONNRESET);
    assert.equal((calls.read(client) as Uint8Array).length, 0);
    assert.equal(calls.send(client, { text: "x" }), -EPIPE);
    close(calls, client);
  },

  "writing to an end that has closed is answered with a reset": (calls) => {
    const [client, server] = pair(calls);
    close(calls, server);
    calls.waitFor(client, EPOLLRDHUP);
    assert.equal(calls.send(client, { text: "into the void" }), 13);
    calls.waitFor(client, EPOLLERR);
    assert.equal(calls.send(client, { text: "x" }), -EPIPE);
    close(calls, client);
  },

  "socketPair() makes two ends that carry bytes both ways and end together": (calls) => {
    const one = calls.sockets.connectPair();
    const other = calls.sockets.otherEnd;
    assert.ok(one > 0 && other > 0 && one !== other, `connectPair() answered ${one}`);
    assert.equal(calls.receive(one), -EAGAIN);
    assert.equal(calls.write(one, new TextEncoder().encode("there")), 5);
    calls.waitFor(other, EPOLLIN);
    assert.equal(text(calls, other), "there");
    assert.equal(calls.write(other, new TextEncoder().encode("back")), 4);
    calls.waitFor(one, EPOLLIN);
    assert.equal(text(calls, one), "back");
    close(calls, other);
    calls.waitFor(one, EPOLLIN);
    assert.equal(text(calls, one), "");
    close(calls, one);
  },
};

/** What UDP sockets must do, as checks that hold on every `Kernel`. */

import assert from "node:assert/strict";
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  ECONNREFUSED,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
} from "../../src/sys/errno.ts";
import {
  AF_INET,
  CMSG_DATA,
  CMSG_LEVEL,
  CMSG_TYPE,
  EPOLLERR,
  EPOLLIN,
  EPOLLOUT,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_PKTINFO,
  MSG_TRUNC,
  SO_REUSEPORT,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from "../../src/sys/layout.ts";
import { type KernelCalls, NOTHING, type Received } from "./kernel_calls.ts";

const LOOPBACK = "127.0.0.1";
const MSG_CTRUNC = 8;

/** A bound UDP socket and its port. */
function open(calls: KernelCalls, address = LOOPBACK, pktinfo = false): [fd: number, port: number] {
  const fd = calls.sockets.listenUdp(address, 0, 65_536, pktinfo);
  return [fd, calls.sockets.localPort(fd)];
}

function connected(calls: KernelCalls, port: number): number {
  const fd = calls.sockets.connectUdp(LOOPBACK, port, (count) => Math.floor(count / 2));
  assert.ok(fd > 0, `connectUdp() answered ${fd}`);
  return fd;
}

function close(calls: KernelCalls, ...descriptors: number[]): void {
  for (const fd of descriptors) assert.equal(calls.kernel.close(fd), 0);
}

function texts(received: Received[] | number): string[] {
  assert.ok(Array.isArray(received), `error ${received}`);
  return received.map(({ text }) => text);
}

function echo(calls: KernelCalls, address: string, nameBytes: number): void {
  const [server, port] = open(calls, address);
  const [client, clientPort] = open(calls, address);
  const messages = ["one", "", "three"].map((text) => ({ text, to: [address, port] as const }));
  assert.equal(calls.sendMany(client, messages), 3);
  calls.waitFor(server, EPOLLIN);
  const received = calls.receiveMany(server);
  assert.deepEqual(texts(received), ["one", "", "three"]);
  for (const datagram of received as Received[]) {
    const { from, port: fromPort, flags, control } = datagram;
    assert.deepEqual([from, fromPort, flags, control.length], [address, clientPort, 0, 0]);
    assert.equal(datagram.nameBytes, nameBytes);
  }
  assert.equal(calls.receiveMany(server), NOTHING);
  close(calls, server, client);
}

/** Asks a wildcard socket at `address` and answers with the control message that came. */
function answerFromWhereAsked(calls: KernelCalls, wildcard: string, address: string): Uint8Array {
  const [server, port] = open(calls, wildcard, true);
  const [client, clientPort] = open(calls, address === "::1" ? address : LOOPBACK);
  assert.equal(calls.send(client, { text: "ask", to: [address, port] }), 3);
  calls.waitFor(server, EPOLLIN);
  const question = calls.receive(server) as Received;
  const { control, from } = question;
  assert.equal(question.port, clientPort);
  const answer = { text: "answer", to: [from, clientPort] as const, control };
  assert.equal(calls.send(server, answer), 6);
  const received = calls.await(client);
  assert.deepEqual([received.text, received.from, received.port], ["answer", address, port]);
  close(calls, server, client);
  return control;
}

export const DATAGRAM_CONTRACT: Record<string, (calls: KernelCalls) => void> = {
  "sendmmsg and recvmmsg carry IPv4 datagrams with the sender's address": (calls) =>
    echo(calls, LOOPBACK, 16),

  "sendmmsg and recvmmsg carry IPv6 datagrams with the sender's address": (calls) =>
    echo(calls, "::1", 28),

  "recvmmsg answers EAGAIN on an empty socket": (calls) => {
    const [fd] = open(calls);
    assert.equal(calls.receiveMany(fd), NOTHING);
    assert.equal(calls.receive(fd), NOTHING);
    close(calls, fd);
  },

  "recvmmsg answers what is there when that is less than asked for": (calls) => {
    const [server, port] = open(calls);
    const [client] = open(calls);
    for (let index = 0; index < 9; index++) {
      calls.send(client, { text: `${index}`, to: [LOOPBACK, port] });
    }
    calls.waitFor(server, EPOLLIN);
    assert.deepEqual(texts(calls.receiveMany(server)), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert.deepEqual(texts(calls.receiveMany(server)), ["8"]);
    close(calls, server, client);
  },

  "a datagram longer than the buffer is cut and marked MSG_TRUNC": (calls) => {
    const [server, port] = open(calls);
    const [client] = open(calls);
    calls.send(client, { text: "0123456789", to: [LOOPBACK, port] });
    calls.send(client, { text: "abcdef", to: [LOOPBACK, port] });
    calls.waitFor(server, EPOLLIN);
    const cut = calls.receiveMany(server, 6) as Received[];
    assert.deepEqual(texts(cut), ["012345", "abcdef"]);
    assert.deepEqual([cut[0]!.flags, cut[1]!.flags], [MSG_TRUNC, 0]);
    close(calls, server, client);
  },

  "PKTINFO tells the address asked, and makes it the answer's source (IPv4)": (calls) => {
    const control = answerFromWhereAsked(calls, "0.0.0.0", "127.0.0.77");
    const view = new DataView(control.buffer);
    assert.equal(control.length, 32);
    assert.equal(view.getUint32(0, true), 28);
    assert.equal(view.getInt32(CMSG_LEVEL, true), IPPROTO_IP);
    assert.equal(view.getInt32(CMSG_TYPE, true), IP_PKTINFO);
    assert.deepEqual([...control.slice(CMSG_DATA + 8, CMSG_DATA + 12)], [127, 0, 0, 77]);
  },

  "PKTINFO tells the address asked, and makes it the answer's source (IPv6)": (calls) => {
    const control = answerFromWhereAsked(calls, "::", "::1");
    const view = new DataView(control.buffer);
    assert.equal(control.length, 40);
    assert.equal(view.getUint32(0, true), 36);
    assert.equal(view.getInt32(CMSG_LEVEL, true), IPPROTO_IPV6);
    assert.equal(view.getInt32(CMSG_TYPE, true), IPV6_PKTINFO);
    assert.equal(control[CMSG_DATA + 15], 1);
  },

  "a control message without room is left out and marked MSG_CTRUNC": (calls) => {
    const [server, port] = open(calls, LOOPBACK, true);
    const [client] = open(calls);
    calls.send(client, { text: "x", to: [LOOPBACK, port] });
    calls.waitFor(server, EPOLLIN);
    const [received] = calls.receiveMany(server, 100, 8) as Received[];
    assert.deepEqual([received!.text, received!.flags], ["x", MSG_CTRUNC]);
    assert.equal(received!.control.length, 0);
    close(calls, server, client);
  },

  "a source address that is not ours is refused": (calls) => {
    const [fd] = open(calls, "0.0.0.0");
    const control = new Uint8Array(32);
    const view = new DataView(control.buffer);
    view.setUint32(0, 28, true);
    view.setInt32(CMSG_TYPE, IP_PKTINFO, true);
    control.set([203, 0, 113, 9], CMSG_DATA + 4);
    const code = calls.send(fd, { text: "x", to: [LOOPBACK, 9], control });
    // ENETUNREACH since routing checks the source, EINVAL before.
    assert.ok(code === -ENETUNREACH || code === -EINVAL, `sendmsg answered ${code}`);
    close(calls, fd);
  },

  "bind answers EADDRINUSE unless both sockets share the port": (calls) => {
    const [first, port] = open(calls);
    const second = calls.kernel.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert.equal(calls.bind(second, LOOPBACK, port), -EADDRINUSE);
    assert.equal(calls.bind(second, "0.0.0.0", port), -EADDRINUSE);
    assert.equal(calls.option(second, SOL_SOCKET, SO_REUSEPORT, 1), 0);
    assert.equal(calls.bind(second, LOOPBACK, port), 0);
    close(calls, first, second);
  },

  "listenUdp() throws EADDRINUSE by name": (calls) => {
    const first = calls.kernel.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert.equal(calls.bind(first, LOOPBACK, 0), 0);
    const port = calls.sockets.localPort(first);
    assert.throws(() => calls.sockets.listenUdp(LOOPBACK, port, 65_536, false), {
      name: "SysError",
      code: "EADDRINUSE",
      message: new RegExp(`^Cannot listen on UDP 127.0.0.1:${port}: address already in use`),
    });
    close(calls, first);
  },

  "bind answers EADDRNOTAVAIL for an address of another machine": (calls) => {
    const fd = calls.kernel.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert.equal(calls.bind(fd, "203.0.113.9", 0), -EADDRNOTAVAIL);
    close(calls, fd);
  },

  "a connected socket hears its peer and nobody else": (calls) => {
    const [peer, peerPort] = open(calls);
    const [stranger] = open(calls);
    const fd = connected(calls, peerPort);
    const port = calls.sockets.localPort(fd);
    assert.ok(port >= 1024);
    assert.equal(calls.localAddress(fd), LOOPBACK);
    assert.equal(calls.send(fd, { text: "question" }), 8);
    assert.equal(calls.await(peer).port, port);
    calls.send(stranger, { text: "forged", to: [LOOPBACK, port] });
    calls.send(peer, { text: "real", to: [LOOPBACK, port] });
    assert.equal(calls.await(fd).text, "real");
    assert.equal(calls.receive(fd), NOTHING);
    close(calls, peer, stranger, fd);
  },

  "a connected socket reports ECONNREFUSED once after its peer has gone": (calls) => {
    const [peer, peerPort] = open(calls);
    close(calls, peer);
    const fd = connected(calls, peerPort);
    assert.equal(calls.send(fd, { text: "x" }), 1);
    assert.equal(calls.readiness(fd, EPOLLERR), EPOLLERR | EPOLLOUT);
    assert.equal(calls.receiveMany(fd), -ECONNREFUSED);
    assert.equal(calls.receive(fd), NOTHING);
    assert.equal(calls.send(fd, { text: "y" }), 1);
    calls.waitFor(fd, EPOLLERR);
    assert.equal(calls.sockets.pendingError(fd), ECONNREFUSED);
    assert.equal(calls.sockets.pendingError(fd), 0);
    close(calls, fd);
  },

  "an error that waits is reported in place of the next sendmsg": (calls) => {
    const [peer, peerPort] = open(calls);
    close(calls, peer);
    const fd = connected(calls, peerPort);
    assert.equal(calls.send(fd, { text: "x" }), 1);
    calls.waitFor(fd, EPOLLERR);
    assert.equal(calls.send(fd, { text: "y" }), -ECONNREFUSED);
    close(calls, fd);
  },

  "sendmsg names what is wrong with a datagram": (calls) => {
    const [fd] = open(calls);
    const EDESTADDRREQ = 89;
    assert.equal(calls.send(fd, { text: "x" }), -EDESTADDRREQ);
    assert.equal(calls.send(fd, { text: "x", to: [LOOPBACK, 0] }), -EINVAL);
    const text = "x".repeat(65_508);
    assert.equal(calls.send(fd, { text, to: [LOOPBACK, 9] }), -EMSGSIZE);
    close(calls, fd);
  },

  "sendmmsg stops before a datagram that cannot be sent, and names it when it is the first": (
    calls,
  ) => {
    const [server, port] = open(calls);
    const [client] = open(calls);
    const good = { text: "good", to: [LOOPBACK, port] as const };
    const bad = { text: "bad", to: [LOOPBACK, 0] as const };
    assert.equal(calls.sendMany(client, [good, good, bad, good]), 2);
    assert.equal(calls.sendMany(client, [bad, good]), -EINVAL);
    calls.waitFor(server, EPOLLIN);
    assert.deepEqual(texts(calls.receiveMany(server)), ["good", "good"]);
    close(calls, server, client);
  },

  "a full receive queue drops what comes next, not what is there": (calls) => {
    const [server, port] = open(calls);
    const [client] = open(calls);
    const sent = 400;
    for (let index = 0; index < sent; index++) {
      calls.send(client, { text: `${index}`.padEnd(1000), to: [LOOPBACK, port] });
    }
    const got: string[] = [];
    calls.waitFor(server, EPOLLIN);
    for (let batch = calls.receiveMany(server); Array.isArray(batch); ) {
      got.push(...batch.map(({ text }) => text.trim()));
      batch = calls.receiveMany(server);
    }
    assert.ok(got.length > 20 && got.length < sent, `${got.length} of ${sent}`);
    assert.deepEqual(
      got.slice(0, 20),
      Array.from({ length: 20 }, (_, index) => `${index}`),
    );
    close(calls, server, client);
  },
};

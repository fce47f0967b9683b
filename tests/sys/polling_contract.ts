/** What poll, epoll, eventfd and descriptors must do, as checks that hold on every `Kernel`. */

import assert from "node:assert/strict";
import { EBADF, EINVAL, ENOENT } from "../../src/sys/errno.ts";
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLOUT,
  POLLIN,
} from "../../src/sys/layout.ts";
import { type KernelCalls, NOTHING } from "./kernel_calls.ts";

const ONE = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);
const EEXIST = 17;
const POLLNVAL = 0x20;

function watched(calls: KernelCalls, tag: number, generation = 0): [epoll: number, fd: number] {
  const epoll = calls.kernel.epollCreate();
  const fd = calls.kernel.eventfd();
  assert.equal(calls.sockets.watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, tag, generation), 0);
  return [epoll, fd];
}

function close(calls: KernelCalls, ...descriptors: number[]): void {
  for (const fd of descriptors) assert.equal(calls.kernel.close(fd), 0);
}

export const POLLING_CONTRACT: Record<string, (calls: KernelCalls) => void> = {
  "an eventfd adds up what is written and gives it out once": (calls) => {
    const fd = calls.kernel.eventfd();
    assert.equal(calls.read(fd, 8), NOTHING);
    assert.equal(calls.poll(fd, POLLIN), 0);
    assert.equal(calls.write(fd, ONE), 8);
    assert.equal(calls.write(fd, ONE), 8);
    assert.equal(calls.poll(fd, POLLIN), POLLIN);
    assert.deepEqual(calls.read(fd, 8), new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0]));
    assert.equal(calls.read(fd, 8), NOTHING);
    assert.equal(calls.read(fd, 4), -EINVAL);
    close(calls, fd);
  },

  "epoll_wait gives both words back that were stored with the descriptor": (calls) => {
    const [epoll, fd] = watched(calls, 0x1234_5678, -2);
    assert.deepEqual(calls.events(epoll), []);
    calls.write(fd, ONE);
    const event = { events: EPOLLIN, tag: 0x1234_5678, generation: -2 };
    assert.deepEqual(calls.events(epoll), [event]);
    close(calls, epoll, fd);
  },

  "epoll is level-triggered: an event comes back until it is dealt with": (calls) => {
    const [epoll, fd] = watched(calls, 7);
    calls.write(fd, ONE);
    assert.equal(calls.events(epoll).length, 1);
    assert.equal(calls.events(epoll).length, 1);
    calls.read(fd, 8);
    assert.equal(calls.events(epoll).length, 0);
    close(calls, epoll, fd);
  },

  "EPOLL_CTL_MOD changes events and words, EPOLL_CTL_DEL ends them": (calls) => {
    const [epoll, fd] = watched(calls, 1);
    assert.equal(calls.sockets.watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT, 2, 3), 0);
    assert.deepEqual(calls.events(epoll), [{ events: EPOLLOUT, tag: 2, generation: 3 }]);
    assert.equal(calls.sockets.watch(epoll, EPOLL_CTL_DEL, fd, 0, 0), 0);
    assert.deepEqual(calls.events(epoll), []);
    close(calls, epoll, fd);
  },

  "epoll_ctl names its errors": (calls) => {
    const [epoll, fd] = watched(calls, 1);
    assert.equal(calls.sockets.watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 1), -EEXIST);
    assert.equal(calls.sockets.watch(epoll, EPOLL_CTL_DEL, fd, 0, 0), 0);
    assert.equal(calls.sockets.watch(epoll, EPOLL_CTL_DEL, fd, 0, 0), -ENOENT);
    assert.equal(calls.sockets.watch(epoll, EPOLL_CTL_MOD, fd, 0, 0), -ENOENT);
    assert.equal(calls.kernel.close(fd), 0);
    assert.equal(calls.sockets.watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 1), -EBADF);
    close(calls, epoll);
  },

  "epoll_wait hands out no more than asked for, and the others the next time": (calls) => {
    const epoll = calls.kernel.epollCreate();
    const descriptors = [0, 1, 2, 3].map(() => calls.kernel.eventfd());
    descriptors.forEach((fd, tag) => {
      calls.sockets.watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, tag);
      calls.write(fd, ONE);
    });
    const first = calls.events(epoll, 0, 3).map(({ tag }) => tag);
    const second = calls.events(epoll, 0, 3).map(({ tag }) => tag);
    assert.equal(first.length, 3);
    assert.equal(second.length, 3);
    assert.deepEqual([...new Set([...first, ...second])].sort(), [0, 1, 2, 3]);
    close(calls, epoll, ...descriptors);
  },

  "an epoll descriptor can itself be polled": (calls) => {
    const [epoll, fd] = watched(calls, 1);
    assert.equal(calls.poll(epoll, POLLIN), 0);
    calls.write(fd, ONE);
    assert.equal(calls.poll(epoll, POLLIN), POLLIN);
    calls.read(fd, 8);
    assert.equal(calls.poll(epoll, POLLIN), 0);
    close(calls, epoll, fd);
  },

  "closing a descriptor takes it out of epoll, and its number is the next one given": (calls) => {
    const [epoll, fd] = watched(calls, 1);
    calls.write(fd, ONE);
    assert.equal(calls.kernel.close(fd), 0);
    assert.deepEqual(calls.events(epoll), []);
    const next = calls.kernel.eventfd();
    assert.equal(next, fd);
    calls.write(next, ONE);
    assert.deepEqual(calls.events(epoll), []);
    close(calls, epoll, next);
  },

  "a closed descriptor is EBADF, and POLLNVAL to poll": (calls) => {
    const fd = calls.kernel.eventfd();
    close(calls, fd);
    assert.equal(calls.kernel.close(fd), -EBADF);
    assert.equal(calls.read(fd, 8), -EBADF);
    assert.equal(calls.receive(fd), -EBADF);
    assert.equal(calls.poll(fd, POLLIN), POLLNVAL);
  },

  "poll and epoll_wait sleep for the time-out when nothing happens": (calls) => {
    const [epoll, fd] = watched(calls, 1);
    const startMs = calls.kernel.monotonicMs();
    assert.equal(calls.poll(fd, POLLIN, 20), 0);
    assert.deepEqual(calls.events(epoll, 20), []);
    const passedMs = calls.kernel.monotonicMs() - startMs;
    assert.ok(passedMs >= 39, `${passedMs} ms`);
    close(calls, epoll, fd);
  },
};

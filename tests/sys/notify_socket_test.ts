/** Messages for a service manager, on the real kernel. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ECONNREFUSED, EINVAL, ENOENT } from "../../src/sys/errno.ts";
import { NOTIFY_SLAB_BYTES, NotifySocket } from "../../src/sys/notify_socket.ts";
import { openControlKernel } from "../../src/sys/open_kernel.ts";
import { cleanUp } from "../support/clean_up.ts";
import { NoticeReceiver } from "../support/notice_receiver.ts";

const PATH_BYTES_MAX = 107;

for (const isAbstract of [false, true]) {
  const title = isAbstract ? "an abstract socket" : "a socket that has a path";
  test(`NotifySocket.send() reaches ${title}`, (context) => {
    const receiver = new NoticeReceiver(isAbstract);
    cleanUp(context, () => receiver.close());
    const socket = new NotifySocket(openControlKernel(NOTIFY_SLAB_BYTES), receiver.path);
    assert.equal(socket.send(["READY=1", "STATUS=Ready: ä"]), 0);
    assert.equal(socket.send(["WATCHDOG=1"]), 0);
    assert.deepEqual(receiver.take(), ["READY=1 | STATUS=Ready: ä", "WATCHDOG=1"]);
  });
}

test("NotifySocket.send() answers an error number and throws nothing", () => {
  const codes: readonly [path: string, code: number][] = [
    ["/no/such/socket", -ENOENT],
    ["@nobody.example.org", -ECONNREFUSED],
    ["vsock:2:1234", -EINVAL],
    [`/${"x".repeat(PATH_BYTES_MAX - 1)}`, -ENOENT],
    [`/${"x".repeat(PATH_BYTES_MAX)}`, -EINVAL],
  ];
  for (const [path, code] of codes) {
    const socket = new NotifySocket(openControlKernel(NOTIFY_SLAB_BYTES), path);
    assert.equal(socket.send(["READY=1"]), code, path);
  }
});

test("bootMonotonicUs() is a clock that does not go back", () => {
  const kernel = openControlKernel(NOTIFY_SLAB_BYTES);
  const [first, second] = [kernel.bootMonotonicUs(), kernel.bootMonotonicUs()];
  assert.ok(first > 0n && second >= first, `${first} ${second}`);
});

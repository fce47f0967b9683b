/** The control plane's system calls on the real kernel. */

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { EBADF, ENOENT } from "../../src/sys/errno.ts";
import { O_RDWR } from "../../src/sys/layout.ts";
import { NETLINK_ROUTE, RTM_GETLINK } from "../../src/sys/netlink_layout.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { openControlKernel } from "../../src/sys/open_kernel.ts";
import { cleanUp } from "../support/clean_up.ts";

const kernel = openControlKernel();
const O_CLOEXEC_OCTAL = 0o2000000;

function flagsOf(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  return Number.parseInt(/flags:\s*(\d+)/.exec(text)![1]!, 8);
}

test("gettid() is a thread of this process", () => {
  assert.ok(readdirSync("/proc/self/task").includes(String(kernel.gettid())));
});

test("open() answers a descriptor that programs we start do not get", () => {
  const fd = kernel.open("/dev/null", O_RDWR);
  assert.equal(flagsOf(fd) & O_CLOEXEC_OCTAL, O_CLOEXEC_OCTAL);
  assert.equal(kernel.close(fd), 0);
  assert.equal(kernel.open("/no/such/file", O_RDWR), -ENOENT);
  assert.equal(kernel.ioctl(fd, 0, null), -EBADF);
});

test("makeCharacterDevice() makes the node that its numbers say", {
  skip: process.getuid?.() === 0 ? false : "device nodes need root",
}, (context) => {
  const folder = mkdtempSync(join(tmpdir(), "device-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  const path = join(folder, "null");
  assert.equal(kernel.makeCharacterDevice(path, 1, 3), 0);
  const { rdev, mode } = statSync(path);
  assert.deepEqual([rdev, mode], [statSync("/dev/null").rdev, 0o020600]);
});

test("NetlinkSocket tells errors from answers, and can be opened again", () => {
  const socket = new NetlinkSocket(kernel, NETLINK_ROUTE);
  const header = new Uint8Array(16);
  const request = { type: RTM_GETLINK, flags: 0, body: header };
  assert.equal(socket.request(request).code, -EBADF);
  for (let turn = 0; turn < 2; turn++) {
    socket.open();
    assert.ok(socket.portId > 0);
    header[4] = 1;
    const { code, messages } = socket.request(request);
    assert.deepEqual([code, messages.length], [0, 1]);
    new DataView(header.buffer).setInt32(4, 2 ** 30, true);
    assert.ok(socket.request(request).code < 0);
    header.fill(0);
    assert.ok(socket.dump(request).messages.length >= 1);
    socket.close();
  }
});

test("NetlinkSocket takes no memory beyond that of the first one", () => {
  const sockets = [new NetlinkSocket(kernel, NETLINK_ROUTE)];
  const { usedBytes } = kernel.slab;
  for (let count = 0; count < 100; count++) sockets.push(new NetlinkSocket(kernel, NETLINK_ROUTE));
  assert.equal(kernel.slab.usedBytes, usedBytes);
});

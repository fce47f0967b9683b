/** What the data plane relies on in a kernel: one table, checked on the real one and its twin. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openKernel } from "../../src/sys/open_kernel.ts";
import { Sockets } from "../../src/sys/sockets.ts";
import { SimKernel } from "../support/sim_kernel.ts";
import { DATAGRAM_CONTRACT } from "./datagram_contract.ts";
import { KernelCalls } from "./kernel_calls.ts";
import { POLLING_CONTRACT } from "./polling_contract.ts";
import { STREAM_CONTRACT } from "./stream_contract.ts";

const SLAB_BYTES = 4 * 1024 * 1024;

const KERNELS = {
  real: openKernel(SLAB_BYTES),
  simulated: new SimKernel({ slabBytes: SLAB_BYTES }),
};

/** Containers without IPv6 have no `::1`. */
function lacksIpv6(calls: KernelCalls): boolean {
  try {
    calls.kernel.close(calls.sockets.listenUdp("::1", 0, 4096, false));
    return false;
  } catch {
    return true;
  }
}

for (const [name, kernel] of Object.entries(KERNELS)) {
  const calls = new KernelCalls(kernel);
  const withoutIpv6 = lacksIpv6(calls) ? "this machine has no IPv6 loopback address" : false;
  for (const [behaviour, check] of [
    ...Object.entries(DATAGRAM_CONTRACT),
    ...Object.entries(STREAM_CONTRACT),
    ...Object.entries(POLLING_CONTRACT),
  ]) {
    const skip = behaviour.includes("IPv6") ? withoutIpv6 : false;
    test(`${name} kernel: ${behaviour}`, { skip }, () => check(calls));
  }
}

test("real kernel: of a pair of sockets the first is noted as ours, the second is not", () => {
  const noted = new Uint8Array(4096);
  const kernel = openKernel(SLAB_BYTES, 0, noted);
  const sockets = new Sockets(kernel);
  const fd = sockets.connectPair();
  assert.deepEqual([noted[fd], noted[sockets.otherEnd]], [1, 0]);
  for (const one of [fd, sockets.otherEnd]) kernel.close(one);
  assert.equal(noted[fd], 0);
});

test("simulated kernel: nothing is left open by the contract's checks", () => {
  assert.equal((KERNELS.simulated as SimKernel).openCount, 0);
});

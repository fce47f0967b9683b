import assert from "node:assert/strict";
import { test } from "node:test";
import { openControlKernel } from "../sys/open_kernel.ts";
import { NetError } from "./lease.ts";
import { NftLease } from "./nft_lease.ts";

const EPROTONOSUPPORT = 93;

test("NftLease.open() is a NetError, for the next kind, where the kernel has no nfnetlink", async () => {
  const kernel = { ...openControlKernel(), socket: () => -EPROTONOSUPPORT };
  const lease = new NftLease(kernel, { interfaceName: "svc", addresses: ["192.0.2.9"], port: 53 });
  await assert.rejects(lease.open(), (error) => {
    assert.ok(error instanceof NetError);
    assert.match(error.message, /^Cannot open a netlink socket .*: the kernel may lack nfnetlink$/);
    return true;
  });
});

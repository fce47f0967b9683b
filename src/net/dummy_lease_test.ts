import assert from "node:assert/strict";
import { test } from "node:test";
import type { Commands } from "../sys/commands.ts";
import { openControlKernel } from "../sys/open_kernel.ts";
import { DummyLease } from "./dummy_lease.ts";

test("DummyLease.open() of kind socket says what is missing when iptables cannot match sockets", async () => {
  const asked: string[] = [];
  const commands: Commands = {
    has: () => true,
    run: async (program, _, options) => {
      asked.push(`${program}: ${options?.input?.split("\n")[1]}`);
      const isV6 = program === "ip6tables-restore";
      const stderr = isV6
        ? "Extension socket revision 0 not supported, missing kernel module?\n"
        : "";
      return { code: isV6 ? 2 : 0, stdout: "", stderr, timedOut: false };
    },
  };
  const lease = new DummyLease(openControlKernel(), {
    kind: "socket",
    interfaceName: "svc",
    addresses: ["192.0.2.9", "2001:db8::9"],
    commands,
  });
  await assert.rejects(lease.open(), {
    name: "NetError",
    message:
      "Cannot match sockets by ip6tables-restore: Extension socket revision 0 not supported, " +
      'missing kernel module?: the kernel may lack the module: "modprobe xt_socket" on the node',
  });
  const rule = "-A PREROUTING -m socket --nowildcard -j NOTRACK";
  assert.deepEqual(asked, [`iptables-restore: ${rule}`, `ip6tables-restore: ${rule}`]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeFacts, processStatus } from "../net/testing.ts";
import { doctorCommand } from "./doctor_command.ts";

const COMMANDS = {
  "iptables-nft-save -t mangle": "",
  "iptables-nft-save -t raw": "",
  "iptables-nft-save -t filter": "",
  "iptables-nft-save -t nat": "",
  "iptables-nft-restore --test --noflush": "",
  "ip -j address": "[]",
  "ip -j -d link show dev nodelocaldns": { code: 1, stderr: "Device does not exist." },
};
const FILES = {
  "/proc/self/status": processStatus([10, 12, 13, 27]),
  "/proc/self/limits":
    "Max open files            1048576              1048576              files\n",
  "/proc/sys/kernel/osrelease": "6.1.0\n",
  "/proc/sys/net/ipv4/conf/all/rp_filter": "2\n",
  "/proc/sys/net/ipv4/ip_forward": "1\n",
  "/etc/resolv.conf": "nameserver 192.0.2.53\n",
};

async function doctor(files: Readonly<Record<string, string>>, json = false) {
  const lines: string[] = [];
  const terminal = { out: (text: string) => lines.push(text), error: assert.fail };
  const facts = fakeFacts({ commands: COMMANDS, files });
  const addresses = ["169.254.20.10"];
  const options = { addresses, interfaceName: "nodelocaldns", json, facts };
  const code = await doctorCommand(options, terminal);
  return { code, out: lines.join("\n") };
}

test("doctorCommand() prints a line per check and returns 0 when nothing is bad", async () => {
  assert.deepEqual(await doctor(FILES), {
    code: 0,
    out: [
      "ok    kernel: 6.1.0, has all that is used",
      "ok    capabilities: NET_BIND_SERVICE, NET_ADMIN, NET_RAW, MKNOD",
      "ok    lease: tun, nft, socket can be had",
      "ok    open files: 1048576 at once",
      "ok    IPv6: the kernel has none, and no IPv6 address is asked for",
      "ok    link: nodelocaldns is not there yet",
      "ok    iptables: the backend is nft",
      "ok    addrtype: the kernel has it",
      "ok    rules: 0 of ours in the backend that is used",
      "ok    xtables lock: nobody has used it",
      "ok    kube-proxy: none, and no node of Kubernetes",
      "ok    port 53: nobody listens",
      "ok    rp_filter: 2 (loose)",
      "ok    net.ipv4.ip_forward: is on",
      "ok    conntrack: is not in use in this kernel",
      "ok    resolv.conf: asks 192.0.2.53",
    ].join("\n"),
  });
});

test("doctorCommand() prints fixes, and returns 1 when something is bad but not for notes", async () => {
  const noted = await doctor({ ...FILES, "/proc/sys/net/ipv4/ip_forward": "0\n" });
  assert.equal(noted.code, 0);
  assert.match(noted.out, /^note {2}net\.ipv4\.ip_forward: .*\n {6}sysctl -w net\.ipv4\.ip_forw/m);
  const few = "Max open files            256                  256                  files\n";
  const broken = await doctor({ ...FILES, "/proc/self/limits": few });
  assert.equal(broken.code, 1);
  assert.match(broken.out, /^bad {3}open files: 256 at once.*\n {6}raise the limit/m);
});

test("doctorCommand() prints the same as JSON", async () => {
  const { code, out } = await doctor(
    { ...FILES, "/etc/resolv.conf": "nameserver 169.254.20.10" },
    true,
  );
  assert.equal(code, 0);
  const { ok, checks } = JSON.parse(out);
  assert.equal(ok, true);
  assert.deepEqual(checks.at(-1), {
    level: "note",
    what: "resolv.conf",
    found: "asks 169.254.20.10, an address of -localip",
    fix: "in the Corefile name servers in place of: forward . /etc/resolv.conf",
  });
});

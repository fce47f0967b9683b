import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { examine } from "./doctor.ts";
import type { Finding } from "./doctor_facts.ts";
import {
  checkConntrack,
  checkForwarding,
  checkKubeProxy,
  checkLink,
  checkResolver,
  checkReversePath,
} from "./doctor_network.ts";
import { fakeFacts, processStatus } from "./testing.ts";

const SUBJECT = { addresses: ["169.254.20.10", "10.96.0.10"], interfaceName: "nodelocaldns" };
const SAVED = readFileSync(
  join(import.meta.dirname, "testdata/kube_proxy_iptables_save.txt"),
  "utf8",
);
const KUBE_PROXY = {
  "iptables-nft-save -t nat": SAVED,
  "iptables-nft-save -t filter": "",
  "ip -j address": "[]",
};

function lines(findings: readonly Finding[]): string[] {
  return findings.map(({ level, what, found, fix }) => {
    assert.equal(fix === null, level === "ok");
    return `${level} ${what}: ${found}`;
  });
}

test("checkLink() tells links of ours from those of others", async () => {
  const line = "ip -j -d link show dev nodelocaldns";
  const check = async (result: Parameters<typeof fakeFacts>[0]) =>
    lines(await checkLink(fakeFacts(result), SUBJECT))[0];
  const kind = (name: string) => JSON.stringify([{ linkinfo: { info_kind: name } }]);
  const absent = { code: 1, stderr: 'Device "nodelocaldns" does not exist.\n' };
  assert.equal(
    await check({ commands: { [line]: absent } }),
    "ok link: nodelocaldns is not there yet",
  );
  assert.match(await check({ commands: { [line]: kind("tun") } }), /^ok link: .* by an instance/);
  assert.match(await check({ commands: { [line]: kind("dummy") } }), /^note link: .*is a dummy/);
  assert.match(await check({ commands: { [line]: kind("vlan") } }), /^bad link: .*\(vlan\)$/);
  assert.match(await check({ commands: { [line]: "[{}]" } }), /^bad link: .*\(no virtual link\)$/);
  assert.equal(await check({}), "bad link: the program ip is not installed");
  const denied = { code: 2, stderr: "Cannot open netlink socket\n" };
  assert.match(await check({ commands: { [line]: denied } }), /^note link: cannot be looked at/);
});

test("checkReversePath() and checkForwarding() read what the kernel is set to", () => {
  const files = {
    "/proc/sys/net/ipv4/conf/all/rp_filter": "1\n",
    "/proc/sys/net/ipv4/ip_forward": "1\n",
    "/proc/sys/net/ipv6/conf/all/forwarding": "0\n",
  };
  assert.deepEqual(lines(checkReversePath(fakeFacts({ files }))), ["ok rp_filter: 1 (strict)"]);
  assert.deepEqual(lines(checkReversePath(fakeFacts())), ["note rp_filter: cannot be read"]);
  const facts = fakeFacts({ files });
  assert.deepEqual(lines(checkForwarding(facts, SUBJECT)), ["ok net.ipv4.ip_forward: is on"]);
  const [off] = checkForwarding(facts, { ...SUBJECT, addresses: ["fd00::a"] });
  assert.equal(off.level, "note");
  assert.equal(off.fix, "sysctl -w net.ipv6.conf.all.forwarding=1");
});

test("checkConntrack() speaks up before the table is full, and of failed inserts", () => {
  const check = (count: number, statistics = "") => {
    const folder = "/proc/sys/net/netfilter";
    const files = {
      [`${folder}/nf_conntrack_count`]: `${count}\n`,
      [`${folder}/nf_conntrack_max`]: "1000\n",
      "/proc/net/stat/nf_conntrack": statistics,
    };
    return checkConntrack(fakeFacts({ files }));
  };
  assert.deepEqual(lines(check(10)), ["ok conntrack: 10 of 1000 connections"]);
  assert.deepEqual(lines(check(800)), ["note conntrack: 800 of 1000 connections"]);
  const [full] = check(990);
  assert.equal(full.level, "bad");
  assert.equal(full.fix, "sysctl -w net.netfilter.nf_conntrack_max=2000");
  const statistics = "entries  insert insert_failed drop\n00000001 0 0000000a 0\n00000001 0 10 0\n";
  assert.match(lines(check(10, statistics))[1], /^note insert_failed: 26 failed/);
  assert.deepEqual(lines(checkConntrack(fakeFacts())), [
    "ok conntrack: is not in use in this kernel",
  ]);
});

test("checkKubeProxy() tells the mode, and addresses that nobody serves", async () => {
  const check = async (options: Parameters<typeof fakeFacts>[0], addresses = SUBJECT.addresses) =>
    await checkKubeProxy(fakeFacts(options), { ...SUBJECT, addresses });
  assert.deepEqual(lines(await check({ commands: KUBE_PROXY })), [
    "ok kube-proxy: mode iptables, 5 addresses of Services",
  ]);
  assert.deepEqual(lines(await check({ commands: KUBE_PROXY }, ["192.0.2.3"])), [
    "ok kube-proxy: mode iptables, 5 addresses of Services",
    "note kube-proxy: no Service has the address 192.0.2.3",
  ]);
  const none = { ...KUBE_PROXY, "iptables-nft-save -t nat": "" };
  assert.deepEqual(lines(await check({ commands: none })), [
    "ok kube-proxy: none, and no node of Kubernetes",
  ]);
  const files = { "/var/lib/kubelet/config.yaml": "" };
  assert.deepEqual(lines(await check({ commands: none, files })), [
    "note kube-proxy: none can be seen on this node of Kubernetes",
  ]);
  const nft = JSON.stringify({ nftables: [] });
  const both = { ...KUBE_PROXY, "nft -j list table ip kube-proxy": nft };
  assert.match(
    lines(await check({ commands: both }))[2],
    /^note kube-proxy: leaves rules of mode i/,
  );
});

test("checkKubeProxy() refuses addresses that IPVS holds", async () => {
  const held = [{ ifname: "kube-ipvs0", addr_info: [{ local: "10.96.0.10" }] }];
  const commands = { ...KUBE_PROXY, "ip -j address": JSON.stringify(held) };
  const [conflict] = await checkKubeProxy(fakeFacts({ commands }), SUBJECT);
  assert.deepEqual(conflict, {
    level: "bad",
    what: "kube-proxy",
    found:
      "10.96.0.10 cannot be intercepted: kube-proxy runs in IPVS mode and holds it on kube-ipvs0",
    fix: "use -localip 169.254.20.10 and set the kubelet's clusterDNS (--cluster-dns) to it",
  });
});

test("checkKubeProxy() says that it saw nothing for want of rights", async () => {
  const denied = { code: 4, stderr: "you must be root\n" };
  const commands = { ...KUBE_PROXY, "iptables-nft-save -t nat": denied };
  const files = { "/proc/self/status": processStatus([], 1000) };
  const findings = await checkKubeProxy(fakeFacts({ commands, files }), SUBJECT);
  assert.equal(findings.length, 1);
  assert.match(findings[0].found, /^not all of it can be seen: .*you must be root$/);
  assert.equal(findings[0].fix, "run this as root");
});

test("checkResolver() finds a node that asks us", () => {
  const check = (text: string) =>
    lines(checkResolver(fakeFacts({ files: { "/etc/resolv.conf": text } }), SUBJECT))[0];
  assert.equal(check("nameserver 127.0.0.53\noptions edns0\n"), "ok resolv.conf: asks 127.0.0.53");
  assert.equal(
    check("search example.org\nnameserver 169.254.20.10\n"),
    "note resolv.conf: asks 169.254.20.10, an address of -localip",
  );
  assert.equal(
    check("nameserver 169.254.20.10\nnameserver 192.0.2.1\n"),
    "ok resolv.conf: asks 169.254.20.10, 192.0.2.1",
  );
  assert.match(lines(checkResolver(fakeFacts(), SUBJECT))[0], /^note resolv.conf: cannot be read/);
});

test("examine() looks at everything on a machine that has nothing, and goes on after a failure", async () => {
  const findings = await examine(fakeFacts(), SUBJECT);
  const names = new Set(findings.map(({ what }) => what));
  for (const what of ["kernel", "lease", "iptables", "kube-proxy", "port 53", "conntrack"]) {
    assert.ok(names.has(what), what);
  }
  for (const { level, fix } of findings) assert.equal(fix === null, level === "ok");
  const broken = {
    ...fakeFacts(),
    inode: () => {
      throw new Error("broken");
    },
  };
  const found = lines(await examine(broken, SUBJECT));
  assert.ok(found.includes("note checkLock: cannot be done: broken"));
  assert.equal(found.length, findings.length);
});

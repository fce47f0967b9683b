import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "./doctor_facts.ts";
import { checkBackend, checkLeftovers, checkLock } from "./doctor_iptables.ts";
import { fakeFacts, processStatus } from "./testing.ts";

const ROOT = { "/proc/self/status": processStatus([10, 12, 13]) };
const HINT = "*mangle\n:KUBE-IPTABLES-HINT - [0:0]\n";
const NFT = {
  "iptables-nft-save -t mangle": HINT,
  "iptables-nft-save -t raw": "",
  "iptables-nft-save -t filter": "",
  "iptables-nft-save -t nat": "",
  "iptables-nft-restore --test --noflush": "",
};
const OURS = '-A OUTPUT -s 10.96.0.10/32 -m comment --comment "nodens: reply" -j CT --notrack\n';
const NODE_CACHE =
  '-A OUTPUT -s 10.96.0.10/32 -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j ACCEPT\n';

function lines(findings: readonly Finding[]): string[] {
  return findings.map(({ level, what, found, fix }) => {
    assert.equal(fix === null, level === "ok");
    return `${level} ${what}: ${found}`;
  });
}

test("checkBackend() says which is used, and whether the kernel has what rules need", async () => {
  const facts = fakeFacts({ commands: NFT, files: ROOT });
  assert.deepEqual(lines(await checkBackend(facts)), [
    "ok iptables: the backend is nft",
    "ok addrtype: the kernel has it",
  ]);
  const lacking = { code: 2, stderr: "Couldn't load match `addrtype':No such file or directory" };
  const poor = { ...NFT, "iptables-nft-restore --test --noflush": lacking };
  assert.deepEqual(lines(await checkBackend(fakeFacts({ commands: poor, files: ROOT }))), [
    "ok iptables: the backend is nft",
    "bad addrtype: the kernel has no xt_addrtype, which our rules use",
  ]);
  assert.deepEqual(lines(await checkBackend(fakeFacts())), [
    "bad iptables: neither iptables-nft nor iptables-legacy is installed",
  ]);
});

test("checkBackend() makes no table of legacy, and does not guess without rights", async () => {
  const legacy = { "iptables-legacy-save -t raw": "", "iptables-legacy-restore": "" };
  assert.deepEqual(lines(await checkBackend(fakeFacts({ commands: legacy, files: ROOT }))), [
    "ok iptables: the backend is legacy",
    "ok addrtype: was not tried: legacy has no table raw yet, and asking would make it",
  ]);
  const files = { "/proc/self/status": processStatus([], 1000) };
  assert.deepEqual(
    lines(await checkBackend(fakeFacts({ commands: { ...NFT, ...legacy }, files }))),
    ["note iptables: nft and legacy are installed, and which is used cannot be seen"],
  );
});

test("checkLeftovers() counts rules of ours and of node-cache by backend", async () => {
  const clean = fakeFacts({ commands: NFT, files: ROOT });
  assert.deepEqual(lines(await checkLeftovers(clean)), [
    "ok rules: 0 of ours in the backend that is used",
  ]);
  const commands = {
    ...NFT,
    "iptables-nft-save -t raw": `*raw\n${OURS}${NODE_CACHE}COMMIT\n`,
    "iptables-legacy-save -t raw": `*raw\n${OURS}${OURS}COMMIT\n`,
    "iptables-legacy-save -t mangle": "",
  };
  const files = { ...ROOT, "/proc/net/ip_tables_names": "raw\n" };
  assert.deepEqual(lines(await checkLeftovers(fakeFacts({ commands, files }))), [
    "ok rules: 1 of ours in the backend that is used",
    "note rules: 2 of ours in the backend that is not used",
    "note rules: 1 of node-cache",
  ]);
  const denied = { ...NFT, "iptables-nft-save -t raw": { code: 4, stderr: "you must be root\n" } };
  const status = { "/proc/self/status": processStatus([], 1000) };
  const [finding] = await checkLeftovers(fakeFacts({ commands: denied, files: status }));
  assert.equal(finding.level, "note");
  assert.match(finding.found, /^were not looked at: .*iptables-nft-save -t raw: you must be root$/);
  assert.equal(finding.fix, "run this as root");
});

test("checkLock() names who holds the lock of legacy", async () => {
  const files = {
    ...ROOT,
    "/proc/locks":
      "1: POSIX  ADVISORY  WRITE 812 00:1b:900 0 EOF\n2: FLOCK  ADVISORY  WRITE 4711 00:1b:1234 0 EOF\n",
    "/proc/4711/comm": "calico-felix\n",
  };
  const check = async (inode: number | null, commands: Record<string, string>) => {
    const inodes: Record<string, number> = inode === null ? {} : { "/run/xtables.lock": inode };
    return lines(await checkLock(fakeFacts({ commands, files, inodes })))[0];
  };
  const legacy = { "iptables-legacy-save -t nat": "" };
  assert.equal(await check(null, legacy), "ok xtables lock: nobody has used it");
  assert.equal(await check(77, legacy), "ok xtables lock: is free");
  assert.equal(await check(1234, legacy), "note xtables lock: is held by calico-felix (4711)");
  assert.match(await check(1234, NFT), /^ok xtables lock: .*; the backend nft does without$/);
});
